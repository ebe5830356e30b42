import { chmodSync, existsSync, mkdtempSync, realpathSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type EmbeddedStores, startEmbeddedStores } from "../../src/embedded/stores.ts";
import { createLogger } from "../../src/runtime/logger.ts";

/** A data dir that the stores' user can enter; `remove` deletes it, and what it links to. */
export function temporaryDataDir(parent = tmpdir()): { dataDir: string; remove(): void } {
  const dataDir = mkdtempSync(join(parent, "headrace-test-"));
  chmodSync(dataDir, 0o711);
  return {
    dataDir,
    remove() {
      const home = join(dataDir, "embedded");
      if (existsSync(home)) rmSync(realpathSync(home), { recursive: true });
      rmSync(dataDir, { recursive: true });
    },
  };
}

/** Stores on a data dir of their own; `remove` stops them and deletes it. */
export async function startTemporaryStores(
  postgresBinDirectory?: string,
): Promise<EmbeddedStores & { remove(): Promise<void> }> {
  const { dataDir, remove } = temporaryDataDir();
  const stores = await startEmbeddedStores({
    dataDir,
    log: createLogger("fatal"),
    ...(postgresBinDirectory === undefined ? {} : { postgresBinDirectory }),
  });
  return {
    ...stores,
    async remove() {
      await stores.stop();
      remove();
    },
  };
}
