import { loadFlowVersions } from "../../postgres/flows.js";
/** Where a flow's signing secret lives, which is sealed with it. */
export function signingPlace(flow) {
    return `${flow.tenantId}/flows/${flow.flowId}`;
}
export function createFlowVersions(database, keyRing, maxVersions) {
    const known = new Map();
    let knownAt = 0;
    return {
        async prepare(wanted, flowsCounter) {
            // A secret may have changed with the counter; a definition never does.
            if (flowsCounter !== knownAt || known.size > maxVersions)
                known.clear();
            knownAt = flowsCounter;
            const missing = new Map(wanted.filter((name) => !known.has(nameOf(name))).map((name) => [nameOf(name), name]));
            if (missing.size === 0)
                return;
            const flows = await loadFlowVersions(database, [...missing.values()].map(({ tenantId, flowId, flowVersion: version }) => ({
                tenantId,
                flowId,
                version,
            })));
            for (const flow of flows)
                known.set(nameOf({ ...flow, flowVersion: flow.version }), open(flow, keyRing));
        },
        get: (name) => known.get(nameOf(name)),
    };
}
function open(flow, keyRing) {
    const sealed = { sealed: flow.signingSealed, keyId: flow.signingKeyId };
    return { definition: flow.definition, signingSecret: keyRing.open(sealed, signingPlace(flow)) };
}
function nameOf({ tenantId, flowId, flowVersion }) {
    return `${tenantId}/${flowId}/${flowVersion}`;
}
//# sourceMappingURL=flow-versions.js.map