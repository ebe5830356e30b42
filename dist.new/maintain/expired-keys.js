import { deleteExpiredKeys } from "../postgres/accept.js";
/** One step: deletes a small batch of dedupe keys whose time has ended; goes on at once while there are more. */
export function createExpiredKeysStep(deps) {
    return async () => {
        const deleted = await deleteExpiredKeys(deps.database, deps.batchSize);
        return { waitMs: deleted === deps.batchSize ? 0 : deps.intervalMs };
    };
}
//# sourceMappingURL=expired-keys.js.map