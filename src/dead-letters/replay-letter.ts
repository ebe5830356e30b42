import type { Queryable } from "../postgres/core/database.ts";
import { editLetter, lockLetters } from "../postgres/dead-letters/lock.ts";
import { type LetterReplay, type ReplayDeps, replayLetters } from "./replay-letters.ts";

/**
 * Replays one dead letter, with another payload (JSON) in the original's place if one is given: it is kept beside the
 * original, for later replays too. Undefined where there is no such dead letter.
 */
export async function replayLetter(
  transaction: Queryable,
  { tenantId, id, payload }: { tenantId: string; id: string; payload: Buffer | undefined },
  deps: ReplayDeps,
): Promise<LetterReplay | undefined> {
  const wanted = { tenantId, ids: [id], passOver: false };
  let letters = await lockLetters(transaction, wanted);
  const [letter] = letters;
  if (letter === undefined) return undefined;
  if (payload !== undefined && letter.status === "pending" && letter.replayRunId === undefined) {
    await editLetter(transaction, id, payload);
    letters = await lockLetters(transaction, wanted);
  }
  const [replay] = await replayLetters(transaction, { tenantId, letters, cause: "asked" }, deps);
  return replay;
}
