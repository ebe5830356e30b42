import { mkdtempSync, rmSync, statSync, writeFileSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { openChildLog } from "./child-log.ts";

function logFile(): string {
  const folder = mkdtempSync(join(tmpdir(), "headrace-log-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return join(folder, "store.log");
}

test("a child log keeps old content and tails only new content", () => {
  const file = logFile();
  writeFileSync(file, "an earlier start\n");
  const log = openChildLog(file);
  writeSync(log.fd, "the last words\n");
  expect(log.tail()).toBe("the last words");
  log.close();
  expect(statSync(file).size).toBe("an earlier start\nthe last words\n".length);
});

test("a child log above 5 MiB is rotated", () => {
  const file = logFile();
  writeFileSync(file, "x".repeat(6 * 1_048_576));
  const log = openChildLog(file);
  writeSync(log.fd, "new");
  log.close();
  expect([statSync(file).size, statSync(`${file}.1`).size]).toEqual([3, 6 * 1_048_576]);
});
