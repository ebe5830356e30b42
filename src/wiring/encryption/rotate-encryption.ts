import { HeadraceError } from "../../domain/errors.ts";
import { openDatabase } from "../../postgres/core/database.ts";
import { createKeyRing } from "../../postgres/core/key-ring.ts";
import { DEFAULT_BOUNDS } from "../bounds.ts";
import { readConfig } from "../config.ts";
import { reachPostgres } from "../reach-postgres.ts";
import { type Reencrypted, reencrypt } from "./reencrypt.ts";

export type { Reencrypted } from "./reencrypt.ts";

/**
 * Re-encrypts every secret of DATABASE_URL under the first of HEADRACE_ENCRYPTION_KEYS. Safe while processes serve.
 * Throws `invalid_setting`, `store_unavailable`, `store_unsuitable`.
 */
export async function rotateEncryption(
  environment: NodeJS.ProcessEnv,
  onProgress: (done: number, of: number) => void,
): Promise<Reencrypted> {
  const { databaseUrl, encryptionKeys, preparedStatements } = readConfig(withoutRedis(environment));
  if (databaseUrl === undefined || encryptionKeys === undefined) {
    const name = databaseUrl === undefined ? "DATABASE_URL" : "HEADRACE_ENCRYPTION_KEYS";
    throw new HeadraceError("invalid_setting", `${name} is not set: use the value of the running processes`);
  }
  const database = openDatabase({
    url: await reachPostgres(databaseUrl, "DATABASE_URL"),
    ...DEFAULT_BOUNDS.postgres,
    maxIngestConnections: 1,
    maxPipelineConnections: 1,
    maxApiConnections: 1,
    preparedStatements,
    onError: () => {},
  });
  try {
    const [schema] = await database.pipeline.query<{ known: boolean }>({
      text: "SELECT to_regclass('endpoint_secrets') IS NOT NULL AS known",
    });
    if (!schema?.known) {
      throw new HeadraceError("store_unsuitable", "The database has no schema: run headrace migrate first");
    }
    const { batchSize } = DEFAULT_BOUNDS.reencrypt;
    return await reencrypt(database, createKeyRing(encryptionKeys), { batchSize, onProgress });
  } finally {
    await database.close();
  }
}

/** Replaces REDIS_URL, which this command does not need. */
function withoutRedis({ DATABASE_URL, REDIS_URL: _, ...others }: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return DATABASE_URL ? { ...others, DATABASE_URL, REDIS_URL: "redis://unused" } : others;
}
