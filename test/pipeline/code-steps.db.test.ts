import { describe, expect, test } from "vitest";
import { createRunSteps, failedStep } from "../../src/flow-host/child/steps.ts";
import { createStepStore } from "../../src/pipeline/execute/actions/code-steps.ts";
import type { Database } from "../../src/postgres/core/database.ts";
import { migratedDatabase } from "../support/database.ts";
import { claimedRun } from "../support/run.ts";

const BOUNDS = { maxSteps: 3, maxResultBytes: 100, maxRunBytes: 150 };

function stepsOf(database: Database, run: Awaited<ReturnType<typeof claimedRun>>) {
  return createRunSteps(run, run.lease, createStepStore(database.pipeline, BOUNDS)(run), BOUNDS);
}

describe("a step", () => {
  test("is given the result that it was finished with, as JSON brings it, the first time too", async () => {
    const { database } = await migratedDatabase();
    const run = await claimedRun(database);
    const at = new Date(0);
    const once = await stepsOf(database, run)("made", () => ({ at, left: undefined }));
    expect(once).toEqual({ at: "1970-01-01T00:00:00.000Z" });
    expect(await stepsOf(database, run)("empty", () => undefined)).toBeUndefined();
    const again = stepsOf(database, run);
    const never = () => {
      throw new Error("done again");
    };
    expect([await again("made", never), await again("empty", never)]).toEqual([once, undefined]);
  });

  test("that throws is not kept, and is done again", async () => {
    const { database } = await migratedDatabase();
    const run = await claimedRun(database);
    const keys: string[] = [];
    const work = ({ idempotencyKey }: { idempotencyKey: string }) => {
      keys.push(idempotencyKey);
      if (keys.length === 1) throw new Error("not yet");
      return keys.length;
    };
    const failed = await stepsOf(database, run)("s", work).catch((error: Error) => error);
    expect(failed).toMatchObject({ message: "not yet" });
    expect(failedStep(failed as Error)).toBe("s");
    expect(await stepsOf(database, run)("s", work)).toBe(2);
    expect(keys[0]).toBe(keys[1]);
  });

  test("of a worker that lost its run to another writes nothing", async () => {
    const { database } = await migratedDatabase();
    const late = await claimedRun(database);
    const lost = stepsOf(database, late)("s", async () => {
      await database.pipeline.query({ text: "UPDATE runs SET fence = fence + 1" });
      return "late";
    });
    await expect(lost).rejects.toThrow("taken by another worker");
    const [row] = await database.pipeline.query<{ fence: string }>({ text: "SELECT fence FROM runs" });
    const now = { ...late, fence: Number(row?.fence) };
    expect(await stepsOf(database, now)("s", () => "in time")).toBe("in time");
  });

  test("does not begin once the signal is aborted", async () => {
    const { database } = await migratedDatabase();
    const run = {
      ...(await claimedRun(database)),
      lease: { signal: AbortSignal.abort(new Error("the deadline")) },
    };
    let begun = false;
    const step = stepsOf(database, run)("s", () => {
      begun = true;
    });
    await expect(step).rejects.toThrow("the deadline");
    expect(begun).toBe(false);
  });

  test("has a name of its own, and results of a bounded size", async () => {
    const { database } = await migratedDatabase();
    const run = await claimedRun(database);
    const step = stepsOf(database, run);
    await step("a", () => "x".repeat(80));
    await expect(step("a", () => 1)).rejects.toThrow("Two steps of this run are called a");
    await expect(step("", () => 1)).rejects.toThrow("A step's name is a text of 1 to 200 characters");
    await expect(step("b", () => "x".repeat(120))).rejects.toThrow(
      "The step b gave 122 bytes of JSON, and at most 100 are kept",
    );
    await expect(step("c", () => "x".repeat(80))).rejects.toThrow("The result of the step c cannot be kept");
    await expect(step("d", () => 1)).rejects.toThrow("A run has at most 3 steps");
  });

  test("is bounded in the store too, whatever the process of the handler says", async () => {
    const { database } = await migratedDatabase();
    const run = await claimedRun(database);
    const store = createStepStore(database.pipeline, BOUNDS)(run);
    await expect(store.keep("large", `"${"x".repeat(100)}"`)).rejects.toThrow(
      "more, or larger, than is kept",
    );
    for (const name of ["a", "b"]) await store.keep(name, "1");
    await expect(store.keep("c", "1")).rejects.toThrow("more, or larger, than is kept");
    expect([...(await store.load()).keys()].sort()).toEqual(["a", "b"]);
  });
});
