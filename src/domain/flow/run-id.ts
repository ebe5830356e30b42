import { digestOf } from "../event/idempotency-key.ts";

/**
 * Returns the id of an event's run by a flow: a UUIDv7 with the event's milliseconds, whose other bits are a hash of (event,
 * flow, replay_seq). The id is deterministic, so the primary key of runs admits each run once, and the run lies in its
 * event's daily partition. The run of a replay takes the time of the replay instead: `atMs`.
 */
export function runId(run: { eventId: string; flowId: string; replaySeq: number; atMs?: number }): string {
  const digest = digestOf(run.eventId, run.flowId, String(run.replaySeq));
  const time =
    run.atMs === undefined
      ? run.eventId.replace("-", "").slice(0, 12)
      : run.atMs.toString(16).padStart(12, "0");
  // RFC 9562: version 7 in the 13th digit, variant 10 in the two high bits of the 17th.
  const variant = ((Number.parseInt(digest[3] as string, 16) & 0x3) | 0x8).toString(16);
  const random = digest.slice(4, 19);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${digest.slice(0, 3)}-${variant}${random.slice(0, 3)}-${random.slice(3)}`;
}

/** Returns the idempotency key of a run, as targets see it: the same on every attempt, a new one for each replay. */
export function runIdempotencyKey(run: { eventId: string; flowId: string; replaySeq: number }): string {
  return digestOf("run", run.eventId, run.flowId, String(run.replaySeq));
}
