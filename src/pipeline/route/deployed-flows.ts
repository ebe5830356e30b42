import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import type { RoutedDefinition } from "../../domain/flow/flow.ts";
import type { Wanted } from "../../domain/json/wanted.ts";
import { createTriggerIndex } from "../../domain/matching/trigger-index.ts";
import type { Slices } from "../../domain/slices.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { type Deployment, loadDeployments, loadEndedDeployments } from "../../postgres/flows/deployments.ts";
import { indexedTrigger } from "./flow-matcher.ts";
import { wantedByFlows } from "./wanted-by-flows.ts";

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
  /** Keeps what `prepare` loaded until the function that it returns is called. */
  hold(): () => void;
  /** The flows that the event starts, at once or in slices, accepted at the value `moment` of the flows counter. */
  match(event: NormalizedEvent, moment: number): MatchedFlow[] | Slices<MatchedFlow[]>;
  /** The part of an event's data that decides which of its tenant's flows it starts, and in which order they run. */
  wantedOf(event: { tenantId: string }): Slices<Wanted>;
  /** Steps that matching took so far, and what they are worth in bytes of a body parsed. */
  readonly matchedBytes: number;
  /** The flows counter that the index has caught up with; 0 before the first load. */
  readonly counter: number;
}

/** Ended deployments kept in memory; older ones are loaded again if an event from their time is met. */
const MAX_ENDED = 10_000;

/** A tenant's deployments that are known. */
interface TenantDeployments {
  readonly ids: Set<string>;
  /** Grows with every change of them. */
  readonly lastChange: number;
}

/** How often matching begins anew because its tenant's deployments changed between two slices. */
const MAX_TRIES = 20;

export function createDeployedFlows(database: Queryable): DeployedFlows {
  const live = createTriggerIndex();
  const ended = createTriggerIndex();
  const deployments = new Map<string, Deployment>();
  const ofTenants = new Map<string, TenantDeployments>();
  let changes = 0;
  let holders = 0;
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
    if (ended.size > MAX_ENDED && holders === 0) forgetEnded();
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
      remember(id, deployment);
      return;
    }
    if ((deployments.get(id)?.from ?? Number.POSITIVE_INFINITY) <= from) {
      live.remove(id);
      forget(id, tenantId);
    }
    ended.add(indexedTrigger(`${id}@${from}`, tenantId, definition.trigger));
    remember(`${id}@${from}`, deployment);
  }

  function remember(id: string, deployment: Deployment): void {
    deployments.set(id, deployment);
    const { ids } = ofTenants.get(deployment.tenantId) ?? { ids: new Set() };
    changes += 1;
    ofTenants.set(deployment.tenantId, { ids: ids.add(id), lastChange: changes });
  }

  function forget(id: string, tenantId: string): void {
    deployments.delete(id);
    const ids = ofTenants.get(tenantId)?.ids ?? new Set();
    ids.delete(id);
    changes += 1;
    if (ids.size === 0) ofTenants.delete(tenantId);
    else ofTenants.set(tenantId, { ids, lastChange: changes });
  }

  function forgetEnded(): void {
    for (const [id, { until, tenantId }] of deployments) {
      if (until === undefined) continue;
      ended.remove(id);
      forget(id, tenantId);
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
    hold() {
      holders += 1;
      return () => {
        holders -= 1;
      };
    },
    match(event, moment) {
      if (event.source === "schedule") return flowsAt(flowOfTick(event, moment), moment);
      const [ofLive, ofEnded] = [live.matchInSlices(event), ended.matchInSlices(event)];
      return Array.isArray(ofLive) && Array.isArray(ofEnded)
        ? flowsAt([...ofLive, ...ofEnded], moment)
        : matchAgain(event, moment);
    },
    *wantedOf({ tenantId }) {
      const ids = [...(ofTenants.get(tenantId)?.ids ?? [])];
      return yield* wantedByFlows(ids.flatMap((id) => deployments.get(id)?.definition ?? []));
    },
    get matchedBytes() {
      return live.matchedBytes + ended.matchedBytes;
    },
    get counter() {
      return counter;
    },
  };

  /** In slices. A deployment that ends between two of them moves from one index to the other: then once more. */
  function* matchAgain(event: NormalizedEvent, moment: number): Slices<MatchedFlow[]> {
    for (let tries = 1; tries <= MAX_TRIES; tries += 1) {
      const before = ofTenants.get(event.tenantId)?.lastChange;
      const ids: string[] = [];
      for (const index of [live, ended]) {
        yield;
        const matched = index.matchInSlices(event);
        ids.push(...(Array.isArray(matched) ? matched : yield* matched));
      }
      if (ofTenants.get(event.tenantId)?.lastChange === before) return flowsAt(ids, moment);
    }
    throw new HeadraceError(
      "store_unavailable",
      "The tenant's flows changed again and again while an event was matched",
    );
  }

  /** The deployments that were live at a moment. */
  function flowsAt(ids: readonly string[], moment: number): MatchedFlow[] {
    return ids.flatMap((id) => {
      const deployment = deployments.get(id);
      if (deployment === undefined || deployment.from > moment) return [];
      if (deployment.until !== undefined && deployment.until <= moment) return [];
      const { flowId, version, definition } = deployment;
      return { flowId, version, definition };
    });
  }
}
