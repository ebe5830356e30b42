import { timingSafeEqual } from "node:crypto";
import type { InboundRequest } from "./inbound-request.ts";

/**
 * Returns the text that Twilio signs after the URL: the fields of a form, sorted by name, each name followed by its
 * value. A repeated field contributes every distinct value, sorted. For a body that is no form, Twilio signs only the
 * URL, with the SHA-256 of the body in its query; then the text is empty. Undefined, so that verification fails, if
 * that hash is not the body's or a field cannot be decoded. The query, which is signed, decides whether the body is a
 * form, not the content type, which is unsigned.
 */
export function twilioBody(request: InboundRequest): string | undefined {
  const stated = request.query("bodySHA256");
  if (stated !== undefined) return isHash(stated, request.bodyHash) ? "" : undefined;
  const fields = new Map<string, Set<string>>();
  for (const pair of request.body.toString("latin1").split("&")) {
    if (pair === "") continue;
    const end = pair.indexOf("=");
    const name = decode(end === -1 ? pair : pair.slice(0, end));
    const value = decode(end === -1 ? "" : pair.slice(end + 1));
    if (name === undefined || value === undefined) return undefined;
    fields.set(name, (fields.get(name) ?? new Set()).add(value));
  }
  const names = [...fields.keys()].sort();
  const text = names.map((name) => [...(fields.get(name) ?? [])].sort().map((value) => name + value));
  return Buffer.from(text.flat().join("")).toString("latin1");
}

function isHash(stated: string, bodyHash: string): boolean {
  if (!/^[0-9a-f]{64}$/i.test(stated)) return false;
  return timingSafeEqual(Buffer.from(stated, "hex"), Buffer.from(bodyHash, "hex"));
}

function decode(text: string): string | undefined {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return undefined;
  }
}
