import { createHmac } from "node:crypto";
import type { Slices } from "../../../domain/slices.ts";

/** Bytes hashed per slice: 1 to 2 ms. */
const HASHED_AT_ONCE = 1_048_576;

/**
 * Returns the signature headers of Standard Webhooks 1.0.0, symmetric (v1). The target verifies them with any library of
 * the standard and the flow's secret: `whsec_` and the key in base64. `id` must not contain a dot. Each secret signs, so
 * a target needs one of them.
 * Source: https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md
 */
export function* signOutgoing(request: {
  id: string;
  nowMs: number;
  body: Buffer;
  secrets: string[];
}): Slices<{
  "webhook-id": string;
  "webhook-timestamp": string;
  "webhook-signature": string;
}> {
  const { id, nowMs, body, secrets } = request;
  const timestamp = String(Math.floor(nowMs / 1_000));
  const signatures: string[] = [];
  for (const secret of secrets) {
    const key = Buffer.from(secret.replace(/^whsec_/, ""), "base64");
    const hmac = createHmac("sha256", key).update(`${id}.${timestamp}.`);
    for (let at = 0; at < body.length; at += HASHED_AT_ONCE) {
      if (at > 0) yield;
      hmac.update(body.subarray(at, at + HASHED_AT_ONCE));
    }
    signatures.push(`v1,${hmac.digest("base64")}`);
  }
  return { "webhook-id": id, "webhook-timestamp": timestamp, "webhook-signature": signatures.join(" ") };
}
