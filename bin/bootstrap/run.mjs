import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";

/** The folder of package.json. */
export const ROOT = fileURLToPath(new URL("../../", import.meta.url)).replace(/\/$/, "");

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"];

/** A failed step, with a message for the user and the exit code of the process. */
export class CommandFailed extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** Runs an installed tool and shows its output. Throws CommandFailed. */
export async function runTool(name, args) {
  const status = await runToolForStatus(name, args);
  if (status !== 0) throw new CommandFailed(`${name} failed.`, status);
}

/** Runs an installed tool, shows its output, and returns its exit code. */
export async function runToolForStatus(name, args) {
  const { status } = await run(join(ROOT, "node_modules/.bin", name), args, "inherit");
  return status;
}

/** Runs a command and shows its output only if it fails. Throws CommandFailed. */
export async function runQuietly(command, args, title) {
  const { status, output } = await run(command, args, "pipe");
  if (status !== 0) throw new CommandFailed(`${output.trim()}\n\n${title} failed.`, status);
}

/** Runs a child and forwards signals to it, except SIGINT, which the terminal sends to both. */
async function run(command, args, output) {
  const child = spawn(command, args, { cwd: ROOT, stdio: ["ignore", output, output] });
  const forward = (signal) => signal !== "SIGINT" && child.kill(signal);
  for (const signal of SIGNALS) process.on(signal, forward);
  const ended = new Promise((resolve, reject) => {
    child.once("error", (error) => reject(new CommandFailed(`${command} does not run: ${error.message}`)));
    child.once("close", (code) => resolve(code ?? 1));
  });
  const read = (stream) => (stream === null ? "" : text(stream));
  const [status, stdout, stderr] = await Promise.all([ended, read(child.stdout), read(child.stderr)]);
  for (const signal of SIGNALS) process.off(signal, forward);
  return { status, output: stdout + stderr };
}
