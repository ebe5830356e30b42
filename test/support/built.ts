import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Builds `dist` if it is not current, as `npm start` does, and returns its folder. */
export async function builtProgram(): Promise<string> {
  await promisify(execFile)(process.execPath, [`${ROOT}bin/ready.mjs`, "build"]);
  return `${ROOT}dist`;
}
