import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** Files that a flows folder is expected to have, at most. */
const MAX_FILES = 5_000;

const IS_CODE = /\.(?:[cm]?js|[cm]?ts)$/;
const IS_FLOW = /\.(?:[cm]?js|[cm]?ts|json)$/;
const IS_OTHER = /^[._]|\.d\.[cm]?ts$|\.test\.[cm]?[jt]s$|^package(?:-lock)?\.json$|^tsconfig.*\.json$/;

/** Lists the files directly in the folder that define flows in code. Files in subfolders are shared code. */
export async function listCodeFiles(folder: string): Promise<string[]> {
  return (await listFlowFiles(folder)).filter((file) => IS_CODE.test(file));
}

/** Lists the files that define flows in code or JSON. Skips tests, types, and names that begin with `_` or `.`. */
export async function listFlowFiles(folder: string): Promise<string[]> {
  const names = (await filesIn(folder)).map((entry) => entry.name);
  return names
    .filter((name) => IS_FLOW.test(name) && !IS_OTHER.test(name))
    .sort()
    .map((name) => join(folder, name));
}

/** Returns a text that changes with the folder: name, size, time and inode of every file in it and its subfolders. */
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
  // Kubernetes mounts the files of a folder as links.
  return entries.filter((entry) => entry.isFile() || entry.isSymbolicLink());
}
