import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

/** Makes `dist` current, as `npm start` would, and answers its folder. */
export async function builtProgram(): Promise<string> {
  await promisify(execFile)(process.execPath, [`${ROOT}bin/ready.mjs`, "build"]);
  return `${ROOT}dist`;
}
