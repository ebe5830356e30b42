import type { Priority } from "../../domain/priority.ts";
import type { Queryable } from "../../postgres/database.ts";
import { loadDeployments } from "../../postgres/deployments.ts";
import { createTriggerIndex, type MatchableEvent } from "./trigger-index.ts";

/** A flow that an event starts, at the version that is live. */
export interface MatchedFlow {
  flowId: string;
  version: number;
  /** Overrides the event's priority. */
  priority: Priority | undefined;
}

/** The deployed flows as this router knows them: right at the value of `counter`, and no later. */
export interface DeployedFlows {
  /** Loads what changed since the last time; everything the first time. */
  catchUp(): Promise<void>;
  match(event: MatchableEvent): MatchedFlow[];
  /** The flows counter that the index is right at; 0 before the first load. */
  readonly counter: number;
  readonly size: number;
}

export function createDeployedFlows(database: Queryable): DeployedFlows {
  const index = createTriggerIndex();
  const flows = new Map<string, MatchedFlow>();
  let counter = 0;
  let loading: Promise<void> = Promise.resolve();

  async function load(): Promise<void> {
    const loaded = await loadDeployments(database, counter);
    for (const { tenantId, flowId, version, definition } of loaded.changes) {
      const id = `${tenantId}/${flowId}`;
      if (definition === undefined) {
        index.remove(id);
        flows.delete(id);
        continue;
      }
      const { connector, event_types: eventTypes, where, priority } = definition.trigger;
      index.add({ id, tenantId, connector, eventTypes, where });
      flows.set(id, { flowId, version, priority });
    }
    counter = loaded.counter;
  }

  return {
    catchUp() {
      // One load after the other: an older answer must not be applied over a newer one.
      loading = loading.then(load, load);
      return loading;
    },
    match(event) {
      return index.match(event).flatMap((id) => flows.get(id) ?? []);
    },
    get counter() {
      return counter;
    },
    get size() {
      return index.size;
    },
  };
}
