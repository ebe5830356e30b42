import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * A secret that is made at the first start and kept in a file that its owner alone may read. Two starts at once
 * agree on one value: who comes second reads the first one's.
 */
export async function generatedOnce(
  file: string,
  make: () => string,
): Promise<{ value: string; made: boolean }> {
  await mkdir(dirname(file), { recursive: true });
  try {
    const value = make();
    await writeFile(file, `${value}\n`, { flag: "wx", mode: 0o600 });
    return { value, made: true };
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
    return { value: (await readFile(file, "utf8")).trim(), made: false };
  }
}
