import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { ownCommand } from "./own-command.ts";

const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");
const PROGRAM = join(ROOT, "bin/headrace.mjs");

function emptyFolder(): string {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "headrace-own-command-")));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** Creates a folder with a link named `headrace`, as npm does. */
function linkIn(folder: string, target = PROGRAM): string {
  mkdirSync(folder, { recursive: true });
  symlinkSync(target, join(folder, "headrace"));
  return folder;
}

test("the command is npx headrace in the checkout and its folders", () => {
  expect(ownCommand(ROOT, "")).toBe("npx headrace");
  expect(ownCommand(join(ROOT, "src/app"), "")).toBe("npx headrace");
});

test("the command is npx headrace where the package is installed, and below", () => {
  const folder = emptyFolder();
  linkIn(join(folder, "node_modules/.bin"));
  mkdirSync(join(folder, "flows"));
  writeFileSync(join(folder, "package.json"), '{"name":"shop"}');
  expect(ownCommand(folder, "")).toBe("npx headrace");
  expect(ownCommand(join(folder, "flows"), "")).toBe("npx headrace");
});

test("the command is headrace for a global install on the PATH, but not in a .bin folder of npm", () => {
  const folder = emptyFolder();
  const binFolder = linkIn(join(folder, "bin"));
  expect(ownCommand(folder, `/nowhere:${binFolder}`)).toBe("headrace");
  const cache = linkIn(join(folder, "cache/node_modules/.bin"));
  expect(ownCommand(folder, cache)).toBe(`node ${PROGRAM}`);
});

test("the command has the path of the program if neither npx nor the PATH finds it", () => {
  const folder = emptyFolder();
  writeFileSync(join(folder, "package.json"), '{"name":"headrace"}');
  const other = join(folder, "other.mjs");
  writeFileSync(other, "");
  expect(ownCommand(folder, linkIn(join(folder, "bin"), other))).toBe(`node ${PROGRAM}`);
});
