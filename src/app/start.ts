import { randomBytes } from "node:crypto";
import { HeadraceError } from "../domain/errors.ts";
import { startEmbeddedStores } from "../embedded/stores.ts";
import { createHttpServer } from "../http/server.ts";
import { webhookRoutes } from "../http/webhooks.ts";
import { checkActionHeaders } from "../pipeline/execute/http-action.ts";
import { normalize } from "../pipeline/normalize/normalize.ts";
import { ensureAdminKey } from "../postgres/api-keys.ts";
import { type Database, openDatabase } from "../postgres/database.ts";
import { createKeyRing } from "../postgres/key-ring.ts";
import type { Logger } from "../runtime/logger.ts";
import { createOutgoingHttp, parseAllowPrivate } from "../runtime/outgoing/index.ts";
import { composePipeline } from "./compose.ts";
import type { Config } from "./config.ts";
import { generatedOnce } from "./generated.ts";
import { loadHandlers } from "./handlers.ts";
import { DEFAULT_LIMITS, type Limits } from "./limits.ts";
import { createMetrics } from "./metrics.ts";
import { createReadiness } from "./readiness.ts";
import { migrateStores, waitForStores } from "./stores.ts";

/** A process that serves. */
export interface Running {
  /** Where it listens, with the port that it got. */
  address: string;
  adminKey: string;
  databaseUrl: string;
  redisUrl: string;
  /** True when this start made the admin key, which is then printed once. */
  madeAdminKey: boolean;
  /** Drains in the order of the pipeline and stops; the embedded stores last. */
  stop(): Promise<void>;
}
