import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { presetReference } from "./support/preset-reference.ts";

test("docs/reference/webhook-presets.md says what the presets are; UPDATE_DOCS=1 writes it", () => {
  const path = new URL("../docs/reference/webhook-presets.md", import.meta.url).pathname;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, presetReference());
  expect(readFileSync(path, "utf8")).toBe(presetReference());
});
