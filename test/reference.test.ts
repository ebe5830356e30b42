import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compileCondition } from "../src/domain/condition/compile.ts";
import { parseCondition } from "../src/domain/condition/parse.ts";
import { printCondition } from "../src/domain/condition/print.ts";
import { readCondition } from "../src/domain/condition/read.ts";
import { readJson } from "../src/domain/json/parse-text.ts";
import { createTriggerIndex } from "../src/domain/matching/trigger-index.ts";
import { presetReference } from "./support/preset-reference.ts";

test("docs/reference/webhook-presets.md is generated from the presets; UPDATE_DOCS=1 writes it", () => {
  const path = new URL("../docs/reference/webhook-presets.md", import.meta.url).pathname;
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, presetReference());
  expect(readFileSync(path, "utf8")).toBe(presetReference());
});

const EXAMPLE = /^\| `(.+)` \| `(.+)` \| (yes|no) \|$/gm;
const conditions = readFileSync(new URL("../docs/reference/conditions.md", import.meta.url), "utf8");
const examples = [...conditions.matchAll(EXAMPLE)].map(([, condition = "", data = "", met = ""]) => ({
  condition,
  data,
  met: met === "yes",
}));

test("docs/reference/conditions.md has more than 60 examples", () => {
  expect(examples.length).toBeGreaterThan(60);
});

test.each(examples)(
  "matches $data against $condition as docs/reference/conditions.md says: $met",
  ({ condition: text, data: json, met }) => {
    const condition = readCondition(text);
    expect(parseCondition(printCondition(condition))).toEqual(condition);
    const data: unknown = readJson(json);
    const event = { tenantId: "acme", connector: "shop", type: "t", data };
    const index = createTriggerIndex({ scanLimit: 0 });
    index.add({ id: "a", tenantId: "acme", where: text });
    index.add({ id: "b", tenantId: "acme", where: condition });
    expect(compileCondition(condition)({ data, event: {}, headers: {} })).toBe(met);
    expect(index.match(event)).toEqual(met ? ["a", "b"] : []);
    expect(index.explain(event, "a")?.matched).toBe(met);
  },
);

test("docs/reference/conditions.md shows equal conditions as text and as trees", () => {
  const [, block = ""] = /```json\n([\s\S]+?)\n```/.exec(conditions) ?? [];
  const [text, ...tree] = block.split("\n");
  const read = (json: string) => readCondition(JSON.parse(json).where);
  expect(read(text as string)).toEqual(read(tree.join("\n")));
});
