import type { Queryable } from "../postgres/core/database.ts";
import { editDeadLetter, lockDeadLetters } from "../postgres/dead-letters/lock.ts";
import { type DeadLetterReplay, type ReplayDeps, replayDeadLetters } from "./replay-dead-letters.ts";

/**
 * Replays one dead letter. A given `payload` (JSON) replaces the original in this and later replays; the original is
 * kept. Returns undefined if there is no such dead letter.
 */
export async function replayDeadLetter(
  transaction: Queryable,
  { tenantId, id, payload }: { tenantId: string; id: string; payload: Buffer | undefined },
  deps: ReplayDeps,
): Promise<DeadLetterReplay | undefined> {
  const wanted = { tenantId, ids: [id], passOver: false };
  let letters = await lockDeadLetters(transaction, wanted);
  const [letter] = letters;
  if (letter === undefined) return undefined;
  if (payload !== undefined && letter.status === "pending" && letter.replayRunId === undefined) {
    await editDeadLetter(transaction, id, payload);
    letters = await lockDeadLetters(transaction, wanted);
  }
  const [replay] = await replayDeadLetters(transaction, { tenantId, letters, cause: "requested" }, deps);
  return replay;
}
