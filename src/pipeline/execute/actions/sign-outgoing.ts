import { createHmac } from "node:crypto";
import type { Slices } from "../../../domain/slices.ts";

/** Bytes hashed in one slice, a millisecond or two. */
const HASHED_AT_ONCE = 1_048_576;

/**
 * The headers by which a target knows that a request is ours and whole: Standard Webhooks 1.0.0, symmetric (v1). The
 * target verifies with any of that standard's libraries and the flow's secret: `whsec_`, then the key in base64. The
 * bytes signed are the bytes sent; `id` holds no dot. Of several secrets each signs, and a target that knows one of them is
 * content.
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
