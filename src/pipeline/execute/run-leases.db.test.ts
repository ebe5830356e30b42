import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { createRunLeases } from "./run-leases.ts";

test("a lost run lease aborts its signal, whether the signal was used before or after the loss", async () => {
  const { database } = await migratedDatabase();
  const leases = createRunLeases(database.pipeline, { leaseMs: 15_000, heartbeatMs: 4_000 });
  const early = leases.take({ id: "01890a5d-ac96-774b-bcce-b302099a8057", fence: 1 });
  const late = leases.take({ id: "01890a5d-ac96-774b-bcce-b302099a8058", fence: 1 });
  const { signal } = early;
  expect([signal.aborted, early.isLost, late.isLost]).toEqual([false, false, false]);
  await leases.heartbeat(new AbortController().signal);
  expect([early.isLost, late.isLost]).toEqual([true, true]);
  expect(signal.aborted).toBe(true);
  expect(late.signal.aborted).toBe(true);
  expect(late.signal.reason).toEqual(signal.reason);
});
