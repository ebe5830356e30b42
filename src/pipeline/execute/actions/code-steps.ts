import type { RunAttempt } from "../../../domain/flow/flow-run.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import { keepRunStep, loadRunSteps } from "../../../postgres/runs/steps.ts";
import { failpoint } from "../../../runtime/failpoint.ts";

export interface StepBounds {
  /** Steps of one run. */
  maxSteps: number;
  /** Bytes of JSON per result. */
  maxResultBytes: number;
  /** Bytes of JSON per run. */
  maxRunBytes: number;
}

/** The results of the steps of one attempt. */
export interface StepStore {
  /** Returns the results of finished steps by name, as JSON; null for undefined. */
  load(): Promise<Map<string, string | null>>;
  /** Stores a result under the run's fence. Throws with the reason if it is not stored. */
  keep(name: string, result: string | null): Promise<void>;
}

/**
 * Stores steps for the flow hosts. A host checks the same bounds with better messages; here they are enforced whatever
 * a host sends.
 */
export function createStepStore(database: Queryable, bounds: StepBounds): (run: RunAttempt) => StepStore {
  return ({ runId, fence }) => {
    let kept = 0;
    let keptBytes = 0;
    return {
      load: () => loadRunSteps(database, runId),
      async keep(name, result) {
        const bytes = result === null ? 0 : Buffer.byteLength(result);
        kept += 1;
        keptBytes += bytes;
        if (kept > bounds.maxSteps || bytes > bounds.maxResultBytes || keptBytes > bounds.maxRunBytes) {
          throw new Error("The steps of a run are more, or larger, than is kept");
        }
        failpoint("execute.step");
        if (!(await keepRunStep(database, { runId, fence, name, result: result ?? undefined }))) {
          throw new Error(
            `The step ${name} ended after its run was cancelled, or was taken by another worker`,
          );
        }
      },
    };
  };
}
