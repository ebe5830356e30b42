import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Files of a flows folder that are looked at, at most: more means that it is some other folder. */
const MAX_FILES = 5_000;

const IS_CODE = /\.(?:[cm]?js|[cm]?ts)$/;
const IS_FLOW = /\.(?:[cm]?js|[cm]?ts|json)$/;
const IS_OTHER = /^[._]|\.d\.[cm]?ts$|\.test\.[cm]?[jt]s$|^package(?:-lock)?\.json$|^tsconfig.*\.json$/;

/** The files of the folder itself that each define a flow in code; folders in it hold what they share. */
export async function listCodeFiles(folder: string): Promise<string[]> {
  return (await listFlowFiles(folder)).filter((file) => IS_CODE.test(file));
}

/** The same, and those that are a flow in JSON. Names that begin with `_` or `.`, tests and types are passed over. */
export async function listFlowFiles(folder: string): Promise<string[]> {
  const names = (await filesIn(folder)).map((entry) => entry.name);
  return names
    .filter((name) => IS_FLOW.test(name) && !IS_OTHER.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** What tells one state of the folder from another: every file's name, size and time, those in its folders too. */
export async function folderState(folder: string): Promise<string> {
  const parts: string[] = [];
  const folders = [folder];
  for (let next = folders.pop(); next !== undefined; next = folders.pop()) {
    for (const entry of await filesIn(next, folders)) {
      const path = join(next, entry.name);
      const { size, mtimeMs, ino } = (await stat(path).catch(() => undefined)) ?? {};
      parts.push(`${path} ${size} ${mtimeMs} ${ino}`);
      if (parts.length === MAX_FILES) return parts.sort().join("\n");
    }
  }
  return parts.sort().join("\n");
}

async function filesIn(folder: string, folders: string[] = []) {
  const entries = await readdir(folder, { withFileTypes: true }).catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return [];
    throw error;
  });
  for (const { name } of entries.filter((entry) => entry.isDirectory())) {
    if (name !== "node_modules" && !name.startsWith(".")) folders.push(join(folder, name));
  }
  // A link may be a file: that is how Kubernetes mounts a folder.
  return entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
}
