import { existsSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { compileBench, ensureBuilt, isBuilt } from "./build.mjs";
import { ensureInstalled } from "./install.mjs";
import { CommandFailed, ROOT, runTool } from "./run.mjs";
import { ensureTestPrograms } from "./test-programs.mjs";
import { runTests } from "./tests.mjs";

const PARENT = process.ppid;
const FIX = "--fix";
const COMMANDS = { start, test, check, bench, build };

/** Runs one npm script. A failure ends the process with its exit code. */
export async function runCommand(name, args) {
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    console.error(`No command ${name}: use one of ${Object.keys(COMMANDS).join(", ")}.`);
    process.exitCode = 2;
    return;
  }
  await orExit(() => command(args));
}

/** Runs the program in this process, so that signals reach it directly. */
export async function runProgram(args) {
  const main = join(ROOT, "dist/cli/main.js");
  await orExit(async () => {
    if (!existsSync(join(ROOT, "src"))) return;
    if (isBuilt()) await ensureInstalled({ forBuild: false });
    else await build();
    // Once it runs, the program itself checks that its npm is still running.
    if (process.env.npm_lifecycle_event !== undefined && process.ppid !== PARENT) {
      throw new CommandFailed("The npm that started this has ended.");
    }
  });
  await load(main, args);
}

async function start(args) {
  await runProgram(["start", ...args]);
}

async function test(args) {
  await ensureTestPrograms();
  await build();
  await runTests(args);
}

/** Runs every check, then every test. `--fix` formats and fixes first; the other arguments are vitest's. */
async function check(args) {
  await ensureInstalled({ forBuild: true });
  const colors = process.stdout.isTTY ? [] : ["--colors=off"];
  const steps = [
    ...(args.includes(FIX) ? [["biome", "check", "--write", ...colors]] : []),
    ["biome", "ci", ...colors],
    ["tsc", "-p", "tsconfig.json"],
    ["knip"],
  ];
  for (const [tool, ...options] of steps) {
    console.log(`\n== ${[tool, ...options].join(" ")}`);
    await runTool(tool, options);
  }
  console.log("\n== tests");
  await test(args.filter((arg) => arg !== FIX));
}

async function bench(args) {
  await build();
  await load(await compileBench(), args);
}

async function build() {
  await ensureInstalled({ forBuild: true });
  await ensureBuilt();
}

async function load(file, args) {
  process.argv = [process.argv[0], file, ...args];
  await import(pathToFileURL(file).href);
}

async function orExit(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof CommandFailed)) throw error;
    console.error(error.message);
    process.exit(error.exitCode);
  }
}
