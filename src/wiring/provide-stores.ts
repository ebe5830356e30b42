import { randomBytes } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import { type EmbeddedStores, startEmbeddedStores } from "../embedded/stores.ts";
import { generatedOnce } from "../runtime/generated-once.ts";
import type { Logger } from "../runtime/logger.ts";
import type { Config } from "./config.ts";

/** The stores and keys of a process: those of the settings, or the embedded stores with generated keys. */
export interface ProvidedStores {
  databaseUrl: string;
  redisUrl: string;
  adminKey: string;
  /** Whether this start generated the admin key, which is then shown once. */
  madeAdminKey: boolean;
  encryptionKeys: string;
  embedded: boolean;
  /** Makes a process that waits for the embedded stores wait for the end of this one. */
  markStopping(): void;
  stopStores(): Promise<void>;
}

/**
 * Returns the external stores and keys of the settings, or starts the embedded stores and generates missing keys. Throws
 * `invalid_setting` for missing keys of external stores, `data_dir_in_use`, `store_unavailable`, `store_unsuitable`.
 */
export async function provideStores(config: Config, log: Logger): Promise<ProvidedStores> {
  const { databaseUrl, redisUrl, adminKey, encryptionKeys, dataDir } = config;
  if (databaseUrl !== undefined && redisUrl !== undefined) {
    if (adminKey === undefined) {
      throw new HeadraceError(
        "invalid_setting",
        "HEADRACE_ADMIN_KEY is not set and external stores need it; generate one with: head -c 24 /dev/urandom | base64",
      );
    }
    if (encryptionKeys === undefined) {
      throw new HeadraceError(
        "invalid_setting",
        "HEADRACE_ENCRYPTION_KEYS is not set and external stores need it; generate one with: echo k1:$(head -c 32 /dev/urandom | base64)",
      );
    }
    return {
      databaseUrl,
      redisUrl,
      adminKey,
      madeAdminKey: false,
      encryptionKeys,
      embedded: false,
      markStopping: () => {},
      stopStores: async () => {},
    };
  }
  const stores: EmbeddedStores = await startEmbeddedStores({ dataDir, log });
  const admin = await generatedOnce(
    `${dataDir}/admin-key`,
    () => `hr_admin_${randomBytes(24).toString("base64url")}`,
  );
  const keys = await generatedOnce(
    `${dataDir}/encryption-keys`,
    () => `k1:${randomBytes(32).toString("base64")}`,
  );
  return {
    databaseUrl: stores.databaseUrl,
    redisUrl: stores.redisUrl,
    adminKey: adminKey ?? admin.value,
    madeAdminKey: adminKey === undefined && admin.made,
    encryptionKeys: encryptionKeys ?? keys.value,
    embedded: true,
    markStopping: stores.markStopping,
    stopStores: stores.stop,
  };
}
