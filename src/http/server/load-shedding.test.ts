import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { watchEventLoop } from "./load-shedding.ts";

test("reports a late event loop while every turn takes long, but not for a single long turn or afterwards", async () => {
  const watch = watchEventLoop(50);
  onTestFinished(() => watch.stop());
  blockFor(1_000);
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < 2_500) {
    await nextTurn();
    expect(watch.isLate).toBe(false);
  }
  while (!watch.isLate) {
    blockFor(150);
    await nextTurn();
  }
  await until("the event loop is no longer late", async () => !watch.isLate);
});

function blockFor(ms: number): void {
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < ms);
}
