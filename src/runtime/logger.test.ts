import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

test("a log line redacts secrets at the top of an entry and inside it", () => {
  const lines: string[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(line) });
  log.info(
    {
      secret: "s3cr3t",
      endpoint: { secrets: ["s3cr3t"] },
      request: { headers: { authorization: "s3cr3t" } },
    },
    "x",
  );
  expect(lines).toHaveLength(1);
  expect(lines[0]).not.toContain("s3cr3t");
  expect(JSON.parse(lines[0] as string)).toMatchObject({ level: "info", msg: "x", secret: "[redacted]" });
});

test("a log line has its time in ISO 8601 and its level as a word", () => {
  const lines: string[] = [];
  const log = createLogger("warn", { write: (line) => void lines.push(line) });
  log.info("too little");
  log.warn("enough");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: "warn", time: expect.stringMatching(/^\d{4}-.*Z$/), msg: "enough" },
  ]);
});

test("a logged Redis error omits its command, whose arguments may be a password", () => {
  const lines: string[] = [];
  const log = createLogger("info", { write: (line) => void lines.push(line) });
  const refused = Object.assign(new Error("WRONGPASS invalid username-password pair"), {
    command: { name: "hello", args: ["3", "AUTH", "default", "s3cr3t"] },
  });
  log.info({ err: refused }, "refused");
  log.info({ err: Object.assign(new Error("Failed to refresh slots cache."), { lastNodeError: refused }) });
  log.error(refused);
  expect(lines).toHaveLength(3);
  expect(lines[0]).toContain("WRONGPASS");
  expect(lines.join()).not.toContain("s3cr3t");
});
