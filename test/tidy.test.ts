import { readdirSync, readFileSync } from "node:fs";
import { dirname, relative, resolve } from "node:path";
import { describe, expect, test } from "vitest";

const SRC = new URL("../src", import.meta.url).pathname;

const STAGES = ["receive", "fanout", "normalize", "route", "execute"].map((stage) => `pipeline/${stage}`);
const FAST_STAGES = ["receive", "route", "execute"].map((stage) => `pipeline/${stage}`);
const STORES = ["domain", "runtime", "postgres", "redis"];

/** Which folders a folder may import, besides itself: docs/architecture.md has the same table in words. */
const WALLS: Record<string, string[]> = {
  domain: [],
  runtime: [],
  postgres: ["domain", "runtime"],
  redis: ["domain", "runtime"],
  "pipeline/fast-path": STORES,
  ...Object.fromEntries(
    [...STAGES, "synthetic", "dead-letters", "schedule", "maintain"].map((stage) => [stage, STORES]),
  ),
  // They know the fast path's interfaces, and not one another.
  ...Object.fromEntries(FAST_STAGES.map((stage) => [stage, [...STORES, "pipeline/fast-path"]])),
  http: ["domain", "runtime", "postgres", "pipeline/receive", "dead-letters", "synthetic"],
  embedded: ["domain", "runtime"],
  sdk: ["domain", "pipeline/execute", "synthetic"],
  "flow-host": ["domain", "runtime", "sdk"],
  "flows-folder": ["domain", "runtime", "sdk", "flow-host", "synthetic", "http", "pipeline/execute"],
  client: ["domain", "flow-host", "flows-folder", "pipeline/receive"],
  demo: ["domain", "runtime"],
  wiring: [
    ...STORES,
    ...STAGES,
    "pipeline/fast-path",
    ...[
      "synthetic",
      "dead-letters",
      "schedule",
      "maintain",
      "http",
      "embedded",
      "sdk",
      "flow-host",
      "flows-folder",
    ],
    "demo",
  ],
  cli: ["domain", "runtime", "wiring", "client", "demo", "flow-host"],
};

/** The longest folder of the table that holds the file. */
function folderOf(file: string): string {
  const path = relative(SRC, file);
  const folder = Object.keys(WALLS)
    .filter((name) => path.startsWith(`${name}/`))
    .sort((left, right) => right.length - left.length)[0];
  if (folder === undefined) throw new Error(`${path} lies in no folder of the table`);
  return folder;
}

function importsOf(text: string): string[] {
  return [...text.matchAll(/(?:from|import)\s*\(?\s*"(\.[^"]+)"/g)].map((match) => match[1] as string);
}

const FILES = readdirSync(SRC, { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"))
  .map((name) => resolve(SRC, name));
const PRODUCT = FILES.filter((file) => !file.endsWith(".test.ts"));

describe("the code itself", () => {
  test("imports only what its folder may", () => {
    const breaches = PRODUCT.flatMap((file) =>
      importsOf(readFileSync(file, "utf8")).flatMap((name) => {
        const [from, to] = [folderOf(file), folderOf(resolve(dirname(file), name))];
        return from === to || WALLS[from]?.includes(to) ? [] : `${relative(SRC, file)} imports ${name}`;
      }),
    );
    expect(PRODUCT.length).toBeGreaterThan(50);
    expect(breaches).toEqual([]);
  });

  test("has no file of more than 500 lines", () => {
    const long = PRODUCT.filter((file) => readFileSync(file, "utf8").split("\n").length > 500);
    expect(long.map((file) => relative(SRC, file))).toEqual([]);
  });

  test("has no name that says nothing", () => {
    const vague = FILES.filter((file) =>
      /(^|[/-])(utils?|helpers?|managers?|common|misc)(\.|-|\/)/.test(relative(SRC, file)),
    );
    expect(vague).toEqual([]);
  });

  test("has no comment that begins with What, Who, Those, Of or Such, and uses 'what' in few", () => {
    const comments = PRODUCT.flatMap((file) =>
      readFileSync(file, "utf8")
        .split("\n")
        .filter((line) => /^\s*(\/\/|\*|\/\*\*)/.test(line))
        .map((line) => `${relative(SRC, file)}: ${line.trim()}`),
    );
    expect(
      comments.filter((line) => /: (\/\/|\/\*\*) ?(What|Who|Whoever|Those|Of|Such)\b/.test(line)),
    ).toEqual([]);
    expect(comments.filter((line) => /\bwhat\b/i.test(line)).length).toBeLessThanOrEqual(250);
  });

  test("spreads no literal into another", () => {
    const packed = FILES.filter((file) => /\.\.\.\{ ?\w/.test(readFileSync(file, "utf8")));
    expect(packed.map((file) => relative(SRC, file))).toEqual([]);
  });

  test("has no folder of more than 20 files beside its tests", () => {
    const counts = new Map<string, number>();
    for (const file of PRODUCT) counts.set(dirname(file), (counts.get(dirname(file)) ?? 0) + 1);
    expect([...counts].filter(([, count]) => count > 20)).toEqual([]);
  });
});
