import { storeFaultOf } from "../../postgres/core/faults.ts";
import type { Step } from "../../runtime/loop.ts";

export interface AcceptingBounds {
  /** Failures in a row from which the process does not count as ready. */
  maxFailures: number;
  /** While it does not, a write of the kind of a delivery is tried in this interval, ms. */
  probeMs: number;
  /** Payload of that write, bytes: some pages, since a full disk still takes what fits the last page. */
  probeBytes: number;
}

/** Whether PostgreSQL takes what comes in, as the deliveries and the API's events meet it. */
export interface Accepting {
  succeeded(): void;
  /** An error that is no operating fault of PostgreSQL says nothing of it. */
  failed(error: unknown): void;
  check(): { ok: boolean; detail?: string };
  /**
   * While the check is red nothing comes in that could succeed, since a balancer sends nothing to a process that is not
   * ready: this step then tries a write itself.
   */
  step: Step;
}

export function createAccepting(deps: {
  bounds: AcceptingBounds;
  /** Writes as a delivery does, and takes it back. */
  probe: () => Promise<void>;
  /** Told of each failure of a probe: others are told of by those who meet them. */
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
