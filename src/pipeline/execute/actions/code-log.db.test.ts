import { describe, expect, test } from "vitest";
import { migratedDatabase } from "../../../../test/support/database.ts";
import { claimedRun } from "../../../../test/support/run.ts";
import { findRunLogs } from "../../../postgres/runs/logs.ts";
import { createLogger } from "../../../runtime/logger.ts";
import { createRunLogs } from "./code-log.ts";

const BOUNDS = { maxLines: 3, maxBytes: 2_000, maxLineBytes: 800, maxAttempts: 2, flushMs: 60_000 };

async function logs(over: Partial<typeof BOUNDS> = {}) {
  const { database } = await migratedDatabase();
  const run = await claimedRun(database);
  const printed: string[] = [];
  const open = createRunLogs({
    database: database.pipeline,
    log: createLogger("info", { write: (line) => void printed.push(line) }),
    bounds: { ...BOUNDS, ...over },
    now: () => 0,
  });
  const kept = () => findRunLogs(database.pipeline, "acme", run.runId);
  return { open, run, kept, printed };
}

describe("the log of a run", () => {
  test("logs lines of a run to the API and to the process, with secrets redacted", async () => {
    const { open, run, kept, printed } = await logs();
    const { log, end } = open(run);
    log.info("charged", { amount: 5, credentials: "sk_live_1", card: { token: "sk_live_1" } });
    log.error("odd\u0000", { err: new Error("why") });
    await end();
    log.info("too late");
    const [part] = await kept();
    expect(part).toMatchObject({ attempt: 1, dropped: 0 });
    expect(part?.lines).toMatchObject([
      {
        time: "1970-01-01T00:00:00.000Z",
        level: "info",
        message: "charged",
        fields: { amount: 5, credentials: "[redacted]", card: { token: "[redacted]" } },
      },
      { level: "error", message: "odd\u0000", fields: { err: { message: "why" } } },
    ]);
    expect(printed).toHaveLength(2);
    expect(JSON.parse(printed[0] as string)).toMatchObject({ run_id: run.runId, amount: 5, msg: "charged" });
    expect(printed.join()).not.toContain("sk_live_1");
  });

  test("leaves out fields of a log line that cannot be written", async () => {
    const { open, run, kept } = await logs();
    const { log, end } = open(run);
    const loop: Record<string, unknown> = { big: 5n };
    loop["self"] = loop;
    log.info("circular", loop);
    log.warn("throws", {
      get field() {
        throw new Error("no");
      },
    });
    log.info("a text", "as fields" as never);
    await end();
    const messages = (await kept())[0]?.lines.map((line) => line.message);
    expect(messages).toEqual(["circular", "throws", "a text"]);
  });

  test("bounds the lines, bytes and attempts of a run's log, and counts dropped lines", async () => {
    const { open, run, kept } = await logs();
    const first = open(run);
    for (let n = 0; n < 5; n += 1) first.log.info(`line ${n}`);
    await first.end();
    expect(await kept()).toMatchObject([{ lines: { length: 3 }, dropped: 2 }]);
    for (const attempt of [2, 3]) {
      const next = open({ ...run, attempt, fence: run.fence + attempt });
      next.log.info("x".repeat(5_000), { y: "y".repeat(5_000) });
      next.log.info("x".repeat(5_000));
      next.log.info("x".repeat(5_000));
      await next.end();
    }
    const parts = await kept();
    expect(parts).toMatchObject([
      { attempt: 2, dropped: 1 },
      { attempt: 3, dropped: 1 },
    ]);
    expect(parts[1]?.lines).toHaveLength(2);
    expect(JSON.stringify(parts[1]?.lines[0]).length).toBeLessThan(800);
    expect(parts[1]?.lines[0]?.fields).toEqual({ shortened: true });
  });
});
