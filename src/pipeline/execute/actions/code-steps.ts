import type { RunAttempt } from "../../../domain/flow/flow-run.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import { keepRunStep, loadRunSteps } from "../../../postgres/runs/steps.ts";
import { failpoint } from "../../../runtime/failpoint.ts";

export interface StepBounds {
  /** Steps of one run. */
  maxSteps: number;
  /** The result of one step, and of all steps of a run, as JSON, bytes. */
  maxResultBytes: number;
  maxRunBytes: number;
}

/** The results of the steps of one attempt. */
export interface StepStore {
  /** Results of finished steps by name, as JSON; null for one that returned undefined. */
  load(): Promise<Map<string, string | null>>;
  /** Keeps a result under the run's fence. Throws with the reason when it is not kept. */
  keep(name: string, result: string | null): Promise<void>;
}

/**
 * Keeps steps for the hosts of handlers. They know the limits, and say in their own words what is too much; here the
 * limits hold whatever a host says.
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
