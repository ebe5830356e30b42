import type { Preset } from "./preset.ts";
/**
 * HMAC SHA-256 over the body, for any sender that can be told how. With `timestamp_header` the signed content is
 * `<timestamp>.<body>`, the timestamp exactly as it stands in the header, and deliveries older or newer than 300 s
 * are refused; without it there is no freshness to check, and deduplication carries the replays.
 */
export declare const hmacSha256: Preset;
