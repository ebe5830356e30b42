import type { Preset } from "./preset.ts";
/** Standard Webhooks 1.0.0, symmetric signatures (`v1`). Providers retry for days under the same webhook-id. */
export declare const standardWebhooks: Preset;
