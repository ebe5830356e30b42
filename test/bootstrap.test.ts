import { type ExecFileException, execFile } from "node:child_process";
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";

const ROOT = fileURLToPath(new URL("../", import.meta.url));

/** A checkout with the bootstrap and packages of this one, and a program of one line. */
function checkout(program: string): string {
  const root = mkdtempSync(join(tmpdir(), "headrace-checkout-"));
  onTestFinished(() => rmSync(root, { recursive: true }));
  for (const name of ["bin", "package.json", "package-lock.json", "tsconfig.json", "tsconfig.build.json"]) {
    cpSync(join(ROOT, name), join(root, name), { recursive: true });
  }
  symlinkSync(join(ROOT, "node_modules"), join(root, "node_modules"));
  mkdirSync(join(root, "src/cli"), { recursive: true });
  write(root, program);
  return root;
}

function write(root: string, program: string): void {
  writeFileSync(join(root, "src/cli/main.ts"), program);
}

/** Runs `node bin/<file>`, in the given environment if there is one. Never rejects. */
function run(
  root: string,
  ...args: (string | NodeJS.ProcessEnv)[]
): Promise<{ code: number; stdout: string; stderr: string }> {
  const [file, ...rest] = args.filter((one) => typeof one === "string");
  const env = args.find((one) => typeof one === "object") ?? process.env;
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      [join(root, "bin", file as string), ...rest],
      { env },
      (error: ExecFileException | null, stdout, stderr) =>
        resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test("builds a fresh checkout and runs the program in the same process", async () => {
  const root = checkout("console.log(process.argv.slice(2).join(), process.ppid);");
  const { stdout, stderr } = await run(root, "ready.mjs", "start", "--quick");
  expect([stdout, stderr]).toEqual([`start,--quick ${process.pid}\n`, "Building…\n"]);
});

test("builds again only when the sources have changed", async () => {
  const root = checkout("console.log(1);");
  expect(await run(root, "headrace.mjs")).toMatchObject({ stdout: "1\n", stderr: "Building…\n" });
  expect(await run(root, "headrace.mjs")).toMatchObject({ stdout: "1\n", stderr: "" });
  write(root, "console.log(2);");
  expect(await run(root, "headrace.mjs")).toMatchObject({ stdout: "2\n", stderr: "Building…\n" });
});

test("builds once for commands that start side by side", async () => {
  const root = checkout("console.log(1);");
  const runs = await Promise.all(Array.from({ length: 3 }, () => run(root, "ready.mjs", "start")));
  expect(runs.map(({ code, stdout }) => ({ code, stdout }))).toEqual(
    Array(3).fill({ code: 0, stdout: "1\n" }),
  );
  expect(runs.filter(({ stderr }) => stderr.includes("Building"))).toHaveLength(1);
});

test("shows why a build failed and leaves the last good one in its place", async () => {
  const root = checkout("console.log(1);");
  await run(root, "ready.mjs", "build");
  write(root, "const word: number = 'text';");
  const { code, stderr } = await run(root, "ready.mjs", "start");
  expect(code).not.toBe(0);
  expect(stderr).toContain("src/cli/main.ts(1,7): error TS2322");
  expect(existsSync(join(root, "dist/cli/main.js"))).toBe(true);
  write(root, "console.log(3);");
  expect(await run(root, "ready.mjs", "start")).toMatchObject({ stdout: "3\n" });
  expect(readdirSync(root).filter((name) => name.startsWith("dist"))).toEqual(["dist"]);
});

/** A checkout in which npm's record lacks some packages, with an npm that prints its arguments and fails. */
function installedWithout(isMissing: (entry: { dev?: boolean }) => boolean, program: string): string {
  const root = checkout(program);
  rmSync(join(root, "node_modules"));
  mkdirSync(join(root, "node_modules"));
  for (const name of readdirSync(join(ROOT, "node_modules"))) {
    if (name === ".package-lock.json") continue;
    symlinkSync(join(ROOT, "node_modules", name), join(root, "node_modules", name));
  }
  const record = JSON.parse(readFileSync(join(ROOT, "node_modules/.package-lock.json"), "utf8")) as {
    packages: Record<string, { dev?: boolean }>;
  };
  record.packages = Object.fromEntries(
    Object.entries(record.packages).filter(([, entry]) => !isMissing(entry)),
  );
  writeFileSync(join(root, "node_modules/.package-lock.json"), JSON.stringify(record));
  mkdirSync(join(root, "path"));
  writeFileSync(join(root, "path/npm"), '#!/bin/sh\necho "npm $*"\nexit 1\n', { mode: 0o755 });
  return root;
}

function runWithOwnNpm(root: string, nodeEnv: string, ...args: string[]) {
  const { npm_execpath: _, ...environment } = process.env;
  const path = `${join(root, "path")}:${process.env["PATH"]}`;
  return run(root, { ...environment, PATH: path, NODE_ENV: nodeEnv }, ...args);
}

test("starts a current build without the development packages, and installs nothing", async () => {
  const root = checkout("console.log(1);");
  await run(root, "ready.mjs", "build");
  const bare = installedWithout(({ dev }) => dev === true, "console.log(1);");
  cpSync(join(root, "dist"), join(bare, "dist"), { recursive: true });
  for (const start of [["ready.mjs", "start"], ["headrace.mjs"]]) {
    expect(await runWithOwnNpm(bare, "production", ...start)).toEqual({ code: 0, stdout: "1\n", stderr: "" });
  }
});

test("installs the development packages only if there is something to build", async () => {
  const root = installedWithout(({ dev }) => dev === true, "console.log(1);");
  const { code, stderr } = await runWithOwnNpm(root, "production", "ready.mjs", "start");
  expect(code).not.toBe(0);
  expect(stderr).toContain("Installing packages (npm ci): the development packages are missing…\n");
  expect(stderr).toContain("npm ci --include=dev");
});

test("installs what a current build needs, without the development packages in production", async () => {
  const root = checkout("console.log(1);");
  await run(root, "ready.mjs", "build");
  const bare = installedWithout(() => true, "console.log(1);");
  cpSync(join(root, "dist"), join(bare, "dist"), { recursive: true });
  expect((await runWithOwnNpm(bare, "production", "headrace.mjs")).stderr).toContain("npm ci --omit=dev");
  expect((await runWithOwnNpm(bare, "", "headrace.mjs")).stderr).toContain("npm ci --include=dev");
});

test("refuses an unknown command, naming the known ones", async () => {
  const { code, stderr } = await run(ROOT, "ready.mjs", "toString");
  expect([code, stderr]).toEqual([2, "No command toString: use one of start, test, check, bench, build.\n"]);
});

test("reports in one line that Node.js is too old", async () => {
  const script = `
    Object.defineProperty(process.versions, "node", { value: "20.18.3" });
    await import(${JSON.stringify(join(ROOT, "bin/bootstrap/check-node.mjs"))});`;
  const child = execFile(process.execPath, ["--input-type=module", "-e", script]);
  const stderr = await new Promise((resolve) => child.stderr?.once("data", resolve));
  expect(stderr).toBe("headrace needs Node.js 20.19 or newer; this is 20.18.3.\n");
});
