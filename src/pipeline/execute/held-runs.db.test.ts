import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { createHeldRuns } from "./held-runs.ts";

test("who holds a run that is nobody's any more is told so, whether its signal was asked for before or after", async () => {
  const { database } = await migratedDatabase();
  const held = createHeldRuns(database.pipeline, { leaseMs: 15_000, heartbeatMs: 4_000 });
  const early = held.hold({ id: "01890a5d-ac96-774b-bcce-b302099a8057", fence: 1 });
  const late = held.hold({ id: "01890a5d-ac96-774b-bcce-b302099a8058", fence: 1 });
  const { signal } = early;
  expect([signal.aborted, early.isLost, late.isLost]).toEqual([false, false, false]);
  await held.heartbeat(new AbortController().signal);
  expect([early.isLost, late.isLost]).toEqual([true, true]);
  expect(signal.aborted).toBe(true);
  expect(late.signal.aborted).toBe(true);
  expect(late.signal.reason).toEqual(signal.reason);
});
