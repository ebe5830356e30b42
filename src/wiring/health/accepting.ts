import { storeFaultOf } from "../../postgres/core/faults.ts";
import type { Step } from "../../runtime/loop.ts";

/** Bounds of the check whether events can be accepted. */
export interface AcceptingBounds {
  /** Consecutive failures after which the process is not ready. */
  maxFailures: number;
  /** The interval of probe writes while the process is not ready, ms. */
  probeMs: number;
  /** The payload of a probe write, bytes. It takes several pages, since a full disk still has room in the last page. */
  probeBytes: number;
}

/** The check whether PostgreSQL accepts events, from the outcomes of deliveries and API calls. */
export interface Accepting {
  succeeded(): void;
  /** Records a failure. Ignores errors that are no operating fault of PostgreSQL. */
  failed(error: unknown): void;
  check(): { ok: boolean; detail?: string };
  /**
   * Probes with a write while the check is red, because a load balancer then sends no deliveries that could succeed.
   */
  step: Step;
}

/** Creates the check, which is green at first. */
export function createAccepting(deps: {
  bounds: AcceptingBounds;
  /** Writes as a delivery does, and rolls back. */
  probe: () => Promise<void>;
  /** Called for each failed probe. */
  onProbeFailed: (error: unknown) => void;
}): Accepting {
  const { bounds, probe, onProbeFailed } = deps;
  let failures = 0;
  let last: string | undefined;
  function failed(error: unknown): void {
    const fault = storeFaultOf(error);
    if (fault === undefined) return;
    failures += 1;
    last = fault.sqlState === undefined ? fault.text : `${fault.text} (SQLSTATE ${fault.sqlState})`;
  }
  function succeeded(): void {
    failures = 0;
  }
  return {
    succeeded,
    failed,
    check() {
      if (failures < bounds.maxFailures) return { ok: true };
      return { ok: false, detail: `nothing could be accepted ${failures} times in a row: ${last}` };
    },
    async step() {
      if (failures >= bounds.maxFailures) {
        try {
          await probe();
          succeeded();
        } catch (error) {
          failed(error);
          onProbeFailed(error);
        }
      }
      return { waitMs: bounds.probeMs };
    },
  };
}
