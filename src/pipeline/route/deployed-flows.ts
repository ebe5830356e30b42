import type { NormalizedEvent } from "../../domain/event.ts";
import type { RoutedDefinition } from "../../domain/flow.ts";
import type { Queryable } from "../../postgres/database.ts";
import { type Deployment, loadDeployments, loadEndedDeployments } from "../../postgres/deployments.ts";
import { indexedTrigger } from "./flow-matcher.ts";
import { createTriggerIndex } from "./trigger-index.ts";

/** A flow that an event starts, at the version that was live. */
export interface MatchedFlow {
  flowId: string;
  version: number;
  definition: RoutedDefinition;
}

/**
 * The deployed flows, at every moment that an unrouted event was accepted. An event is matched against what was live
 * then: a deploy or undeploy that returned before counts, one that was called after does not, however long the event
 * waited and whichever router gets it.
 */
export interface DeployedFlows {
  /** Makes the index right for events accepted at these values of the flows counter. */
  prepare(moments: { oldest: number; newest: number }): Promise<void>;
  /** The flows that the event starts, accepted at the value `moment` of the flows counter. */
  match(event: NormalizedEvent, moment: number): MatchedFlow[];
  /** The flows counter that the index has caught up with; 0 before the first load. */
  readonly counter: number;
}

/** Ended deployments kept in memory; older ones are loaded again if an event from their time is met. */
const MAX_ENDED = 10_000;

export function createDeployedFlows(database: Queryable): DeployedFlows {
  const live = createTriggerIndex();
  const ended = createTriggerIndex();
  const deployments = new Map<string, Deployment>();
  let counter = 0;
  /** What ended after this value of the counter is known. */
  let endedSince = 0;
  let loading: Promise<void> = Promise.resolve();

  async function load({ oldest, newest }: { oldest: number; newest: number }): Promise<void> {
    if (counter === 0 || newest > counter) {
      const loaded = await loadDeployments(database, counter);
      if (counter === 0) endedSince = loaded.counter;
      for (const deployment of loaded.deployments) keep(deployment);
      counter = loaded.counter;
    }
    if (ended.size > MAX_ENDED) forgetEnded();
    if (oldest < endedSince) {
      for (const one of await loadEndedDeployments(database, { after: oldest, upTo: endedSince })) keep(one);
      endedSince = oldest;
    }
  }

  function keep(deployment: Deployment): void {
    const { tenantId, flowId, from, until, definition } = deployment;
    const id = `${tenantId}/${flowId}`;
    if (until === undefined) {
      live.add(indexedTrigger(id, tenantId, definition.trigger));
      deployments.set(id, deployment);
      return;
    }
    if ((deployments.get(id)?.from ?? Number.POSITIVE_INFINITY) <= from) {
      live.remove(id);
      deployments.delete(id);
    }
    ended.add(indexedTrigger(`${id}@${from}`, tenantId, definition.trigger));
    deployments.set(`${id}@${from}`, deployment);
  }

  function forgetEnded(): void {
    for (const [id, { until }] of deployments) {
      if (until === undefined) continue;
      ended.remove(id);
      deployments.delete(id);
    }
    endedSince = counter;
  }

  /** A tick starts the one flow whose schedule it is of, whatever its trigger says of events. */
  function flowOfTick({ tenantId, endpoint }: NormalizedEvent, moment: number): string[] {
    const id = `${tenantId}/${endpoint}`;
    if ((deployments.get(id)?.from ?? Number.POSITIVE_INFINITY) <= moment) return [id];
    return [...deployments.keys()].filter((key) => key.startsWith(`${id}@`));
  }

  return {
    prepare(moments) {
      // One load after the other: an older answer must not be applied over a newer one.
      loading = loading.then(
        () => load(moments),
        () => load(moments),
      );
      return loading;
    },
    match(event, moment) {
      const ids =
        event.source === "schedule"
          ? flowOfTick(event, moment)
          : [...live.match(event), ...ended.match(event)];
      return ids.flatMap((id) => {
        const deployment = deployments.get(id);
        if (deployment === undefined || deployment.from > moment) return [];
        if (deployment.until !== undefined && deployment.until <= moment) return [];
        const { flowId, version, definition } = deployment;
        return { flowId, version, definition };
      });
    },
    get counter() {
      return counter;
    },
  };
}
