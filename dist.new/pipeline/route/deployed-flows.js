import { loadDeployments, loadEndedDeployments } from "../../postgres/deployments.js";
import { createTriggerIndex } from "./trigger-index.js";
/** Ended deployments kept in memory; older ones are loaded again if an event from their time is met. */
const MAX_ENDED = 10_000;
export function createDeployedFlows(database) {
    const live = createTriggerIndex();
    const ended = createTriggerIndex();
    const deployments = new Map();
    let counter = 0;
    /** What ended after this value of the counter is known. */
    let endedSince = 0;
    let loading = Promise.resolve();
    async function load({ oldest, newest }) {
        if (counter === 0 || newest > counter) {
            const loaded = await loadDeployments(database, counter);
            if (counter === 0)
                endedSince = loaded.counter;
            for (const deployment of loaded.deployments)
                keep(deployment);
            counter = loaded.counter;
        }
        if (ended.size > MAX_ENDED)
            forgetEnded();
        if (oldest < endedSince) {
            for (const one of await loadEndedDeployments(database, { after: oldest, upTo: endedSince }))
                keep(one);
            endedSince = oldest;
        }
    }
    function keep(deployment) {
        const { tenantId, flowId, from, until, definition } = deployment;
        const id = `${tenantId}/${flowId}`;
        const { connector, event_types: eventTypes, where } = definition.trigger;
        const trigger = { tenantId, connector, eventTypes, where };
        if (until === undefined) {
            live.add({ id, ...trigger });
            deployments.set(id, deployment);
            return;
        }
        if ((deployments.get(id)?.from ?? Number.POSITIVE_INFINITY) <= from) {
            live.remove(id);
            deployments.delete(id);
        }
        ended.add({ id: `${id}@${from}`, ...trigger });
        deployments.set(`${id}@${from}`, deployment);
    }
    function forgetEnded() {
        for (const [id, { until }] of deployments) {
            if (until === undefined)
                continue;
            ended.remove(id);
            deployments.delete(id);
        }
        endedSince = counter;
    }
    return {
        prepare(moments) {
            // One load after the other: an older answer must not be applied over a newer one.
            loading = loading.then(() => load(moments), () => load(moments));
            return loading;
        },
        match(event, moment) {
            return [...live.match(event), ...ended.match(event)].flatMap((id) => {
                const deployment = deployments.get(id);
                if (deployment === undefined || deployment.from > moment)
                    return [];
                if (deployment.until !== undefined && deployment.until <= moment)
                    return [];
                const { flowId, version, definition } = deployment;
                return { flowId, version, priority: definition.trigger.priority };
            });
        },
        get counter() {
            return counter;
        },
    };
}
//# sourceMappingURL=deployed-flows.js.map