import { HeadraceError } from "../../domain/errors.ts";
import type { NormalizedEvent } from "../../domain/event/event.ts";
import type { MatchedFlow } from "../../domain/flow/deployed-flow.ts";
import type { Wanted } from "../../domain/json/wanted.ts";
import { indexedTrigger } from "../../domain/matching/flow-matcher.ts";
import { createTriggerIndex } from "../../domain/matching/trigger-index.ts";
import { wantedByFlows } from "../../domain/matching/wanted-by-flows.ts";
import type { Slices } from "../../domain/slices.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { type Deployment, loadDeployments, loadEndedDeployments } from "../../postgres/flows/deployments.ts";

/**
 * The deployed flows as of the moment that an event was accepted. An event is matched against the flows live then: a
 * deploy or undeploy that returned before counts, and one called after does not, however long the event waited and
 * whichever router reads it. Moments are values of the flows counter.
 */
export interface DeployedFlows {
  /** Loads the deployments that events accepted between these moments need. */
  prepare(moments: { oldest: number; newest: number }): Promise<void>;
  /** Keeps loaded deployments in memory until the returned function is called. */
  hold(): () => void;
  /** Returns the flows started by an event accepted at `moment`; slices of work when that takes long. */
  match(event: NormalizedEvent, moment: number): MatchedFlow[] | Slices<MatchedFlow[]>;
  /** Returns the part of an event's data that its tenant's flows read to route it. */
  wantedOf(event: { tenantId: string }): Slices<Wanted>;
  /** The cost of all matching so far, as bytes of a body parsed in the same time. */
  readonly matchedBytes: number;
  /** The newest moment that is loaded; 0 before the first load. */
  readonly counter: number;
}

/** Most ended deployments kept in memory. Dropped ones are loaded again when an event of their time is routed. */
const MAX_ENDED = 10_000;

/** The loaded deployments of one tenant. */
interface TenantDeployments {
  readonly ids: Set<string>;
  /** Grows with every change of `ids`. */
  readonly lastChange: number;
}

/** How often matching starts over because the tenant's deployments changed between two slices. */
const MAX_TRIES = 20;

/** Creates the flows of a router. Nothing is loaded before the first `prepare`. */
export function createDeployedFlows(database: Queryable): DeployedFlows {
  const live = createTriggerIndex();
  const ended = createTriggerIndex();
  const deployments = new Map<string, Deployment>();
  const ofTenants = new Map<string, TenantDeployments>();
  let changes = 0;
  let holders = 0;
  let counter = 0;
  /** Deployments that ended after this moment are loaded. */
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

  /** Returns the deployments whose schedule made the tick, whatever their triggers require of events. */
  function flowOfTick({ tenantId, endpoint }: NormalizedEvent, moment: number): string[] {
    const id = `${tenantId}/${endpoint}`;
    if ((deployments.get(id)?.from ?? Number.POSITIVE_INFINITY) <= moment) return [id];
    return [...deployments.keys()].filter((key) => key.startsWith(`${id}@`));
  }

  return {
    prepare(moments) {
      // Loads run one after the other, so that an older result never overwrites a newer one.
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
        : matchInSlices(event, moment);
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

  /** Matches in slices. A deployment that ends between two slices moves to the other index, so matching starts over. */
  function* matchInSlices(event: NormalizedEvent, moment: number): Slices<MatchedFlow[]> {
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
      "The tenant's flows kept changing while an event was matched",
    );
  }

  /** Returns those of the deployments that were live at a moment. */
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
