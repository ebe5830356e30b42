import { expect, test, vi } from "vitest";
import { createLogger } from "../../runtime/logger.ts";
import { createFaultLog } from "./fault-log.ts";

const FULL = { what: "requests answered 503", cause: "disk_full", text: "no space", sqlState: "53100" };

function logged() {
  const lines: { msg: string; count: number; cause: string; reason: string; sqlstate?: string }[] = [];
  const log = createLogger("warn", { write: (line) => void lines.push(JSON.parse(line)) });
  return { lines, faults: createFaultLog({ log, intervalMs: 5_000 }) };
}

test("the fault log warns of the first fault at once and of further ones per interval with their count", () => {
  vi.useFakeTimers();
  try {
    const { lines, faults } = logged();
    for (let n = 0; n < 213; n += 1) faults.note(FULL, new Error(`could not extend ${n}`));
    faults.note({ ...FULL, cause: "connection", sqlState: undefined }, new Error("refused"));
    expect(lines.map(({ cause, count, msg }) => [cause, count, msg])).toEqual([
      ["disk_full", 1, "requests answered 503: no space"],
      ["connection", 1, "requests answered 503: no space"],
    ]);
    vi.advanceTimersByTime(60_000);
    expect(lines.slice(2)).toEqual([
      expect.objectContaining({
        count: 212,
        sqlstate: "53100",
        reason: "could not extend 212",
        msg: "requests answered 503: no space (212 in 5 s)",
      }),
    ]);
    expect(vi.getTimerCount()).toBe(0);
    faults.note(FULL, "again");
    expect(lines.at(-1)).toMatchObject({ count: 1, reason: "again" });
  } finally {
    vi.useRealTimers();
  }
});

test("the fault log warns of remaining faults when it stops", () => {
  const { lines, faults } = logged();
  faults.note(FULL, new Error("first"));
  faults.note(FULL, new Error("second"));
  faults.stop();
  faults.stop();
  expect(lines.map(({ count, reason }) => [count, reason])).toEqual([
    [1, "first"],
    [1, "second"],
  ]);
});

test("the fault log only has the message of an error, whose other fields may quote a row", () => {
  const { lines, faults } = logged();
  faults.note(FULL, Object.assign(new Error("refused"), { detail: "Failing row contains (s3cr3t)" }));
  expect(JSON.stringify(lines)).not.toContain("s3cr3t");
});
