export function redisKeys(installation) {
    return {
        stream: (lane) => `headrace:{${installation}:events}:p${lane}`,
        sentinel: `headrace:{${installation}:events}:sentinel`,
        seen: (digest) => `headrace:${installation}:seen:${digest}`,
        jobs: (lane) => `headrace:{${installation}:jobs:p${lane}}`,
    };
}
/** The name of each lane's BullMQ queue; the lane is in its prefix. */
export const JOB_QUEUE = "runs";
/** The one consumer group of the streams. */
export const ROUTER_GROUP = "router";
//# sourceMappingURL=keys.js.map