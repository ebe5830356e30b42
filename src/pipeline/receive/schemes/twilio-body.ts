import { timingSafeEqual } from "node:crypto";
import type { InboundRequest } from "./inbound-request.ts";

/**
 * What Twilio signs of a body, after the URL: the fields of a form, sorted by name, each name followed by its value
 * and of a repeated field every different value, sorted. A body that is no form is signed by its SHA-256 in the
 * query: nothing is then added to the URL. Undefined, so that nothing can be verified, where that hash is not the
 * body's, or a field cannot be read. Whether the body is a form follows from the query, which is signed, and not
 * from the content type, which is not.
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
