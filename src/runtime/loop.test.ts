import { describe, expect, test } from "vitest";
import { until } from "../../test/support/until.ts";
import { delay } from "./delay.ts";
import { createLoop, type Step } from "./loop.ts";

function loopOf(step: Step, onError: (error: unknown) => void = () => {}) {
  return createLoop({
    name: "test",
    step,
    backoff: { kind: "fixed", delayMs: 5, maxDelayMs: 5 },
    onError,
    random: () => 1,
  });
}

describe("createLoop", () => {
  test("a loop may be stopped before it starts, started twice and stopped twice", async () => {
    let steps = 0;
    const loop = loopOf(async () => {
      steps += 1;
      return { waitMs: 1_000 };
    });
    await loop.stop();
    loop.start();
    loop.start();
    await until("one step", () => steps > 0, { everyMs: 1 });
    await loop.stop();
    await loop.stop();
    expect(steps).toBe(1);
  });

  test("repeats its step at once while the step asks for no wait", async () => {
    let steps = 0;
    const loop = loopOf(async () => {
      await new Promise(setImmediate);
      steps += 1;
      return { waitMs: steps < 100 ? 0 : 60_000 };
    });
    loop.start();
    await until("a hundred steps", () => steps === 100, { everyMs: 1 });
    await loop.stop();
  });

  test("wakes from its wait and remembers a wake-up that comes during a step", async () => {
    let steps = 0;
    let finishStep: () => void = () => {};
    const loop = loopOf(async () => {
      steps += 1;
      await new Promise<void>((resolve) => {
        finishStep = resolve;
      });
      return { waitMs: 60_000 };
    });
    loop.start();
    await until("the first step", () => steps === 1, { everyMs: 1 });
    loop.wake();
    finishStep();
    await until("the second step, by the kept wake-up", () => steps === 2, { everyMs: 1 });
    finishStep();
    await delay(5);
    loop.wake();
    await until("the third step, by a wake-up in the wait", () => steps === 3, { everyMs: 1 });
    finishStep();
    await loop.stop();
  });

  test("backs off after a failed step, reports the error and recovers", async () => {
    const errors: unknown[] = [];
    let steps = 0;
    const loop = loopOf(
      async () => {
        steps += 1;
        if (steps <= 3) throw new Error(`failure ${steps}`);
        return { waitMs: 60_000 };
      },
      (error) => errors.push(error),
    );
    loop.start();
    await until("three failures", () => errors.length === 3, { everyMs: 1 });
    await until("progress", () => loop.progress().failures === 0 && loop.progress().lastSuccessMs > 0, {
      everyMs: 1,
    });
    expect(loop.progress().lastError).toBeUndefined();
    await loop.stop();
  });

  test("stop aborts the signal of the current step and waits for the step to end", async () => {
    let ended = false;
    const loop = loopOf(
      (signal) =>
        new Promise((resolve) =>
          signal.addEventListener("abort", () =>
            setTimeout(() => {
              ended = true;
              resolve({ waitMs: 0 });
            }, 20),
          ),
        ),
    );
    loop.start();
    await loop.stop();
    expect(ended).toBe(true);
  });
});
