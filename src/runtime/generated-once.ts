import { mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname } from "node:path";

/**
 * Returns the secret in a file, which only its owner may read, and generates it with `make` at the first start. Two
 * processes that start at once get the same value: the second reads the file of the first.
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
