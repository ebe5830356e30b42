import { expect, test } from "vitest";
import { createLogger } from "./logger.ts";

test("no secret reaches a line, at the top of an entry or inside it", () => {
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

test("a line says when and how severe in words", () => {
  const lines: string[] = [];
  const log = createLogger("warn", { write: (line) => void lines.push(line) });
  log.info("too little");
  log.warn("enough");
  expect(lines.map((line) => JSON.parse(line))).toEqual([
    { level: "warn", time: expect.stringMatching(/^\d{4}-.*Z$/), msg: "enough" },
  ]);
});
