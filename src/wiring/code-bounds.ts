import type { FlowHostBounds } from "../flow-host/bounds.ts";
import type { RunLogBounds } from "../pipeline/execute/actions/code-log.ts";
import type { StepBounds } from "../pipeline/execute/actions/code-steps.ts";

/** Default bounds of the stored steps of a run. */
export const STEPS: StepBounds = { maxSteps: 1_000, maxResultBytes: 262_144, maxRunBytes: 1_048_576 };
/** Default bounds of the stored log of a run. */
export const RUN_LOG: RunLogBounds = {
  maxLines: 500,
  maxBytes: 65_536,
  maxLineBytes: 8_192,
  maxAttempts: 10,
  flushMs: 1_000,
};
/** Default bounds of flow hosts. */
export const FLOW_HOSTS: FlowHostBounds = {
  steps: STEPS,
  log: RUN_LOG,
  maxPageBytes: 33_554_432,
  lingerMs: 50,
  stuckMs: 5_000,
  overheadMb: 192,
  maxMessageLength: 134_217_728,
  maxOutputLine: 4_096,
  outputLinesPerSecond: 100,
  suspectMs: 600_000,
  quarantineMs: 60_000,
  maxRemembered: 10_000,
  maxAlone: 2,
  maxAloneWaiting: 512,
  maxAloneOfOwner: 64,
  maxAloneOfQuarantined: 4,
  maxWaitMs: 10_000,
  refusedMs: 2_000,
  maxDeaths: 2,
  startMs: 15_000,
  silentMs: 20_000,
  watchMs: 500,
  minBackoffMs: 100,
  maxBackoffMs: 5_000,
  idleMs: 30_000,
  stopMs: 1_000,
  loadMs: 15_000,
  pageTimeoutMs: 65_000,
};
