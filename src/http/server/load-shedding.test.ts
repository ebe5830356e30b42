import { setImmediate as nextTurn } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { until } from "../../../test/support/until.ts";
import { watchEventLoop } from "./load-shedding.ts";

test("an event loop is late while every turn of it takes long, and not after one long turn, nor when it is over", async () => {
  const watch = watchEventLoop(50);
  onTestFinished(() => watch.stop());
  hold(1_000);
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < 2_500) {
    await nextTurn();
    expect(watch.isLate).toBe(false);
  }
  while (!watch.isLate) {
    hold(150);
    await nextTurn();
  }
  await until("the loop is in time again", async () => !watch.isLate);
});

function hold(ms: number): void {
  const sinceMs = performance.now();
  while (performance.now() - sinceMs < ms);
}
