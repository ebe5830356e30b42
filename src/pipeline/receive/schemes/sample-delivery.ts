import { ExactNumber, writeJson } from "../../../domain/json/exact-number.ts";
import { readJson } from "../../../domain/json/parse-text.ts";
import type { PresetSample } from "../presets/preset.ts";
import { formatTimestamp } from "./freshness.ts";
import type { DeliveryIdSelector, Scheme } from "./scheme.ts";
import { resolvePointer } from "./selector.ts";
import { signSample } from "./sign.ts";

/** A sample delivery to be built. */
export interface SampleDelivery {
  scheme: Scheme;
  sample: PresetSample;
  /** Replaces the sample's own body, or the items of its batch. */
  data?: unknown;
  /** Replaces the sample's own type. */
  type?: string | undefined;
  /** The delivery id, set wherever the scheme selects it. */
  id: string;
  /** The endpoint's secret, or the private key if the scheme verifies with a public key. */
  secret: string;
  method?: string;
  url: string;
  nowMs: number;
}

/**
 * Builds and signs a sample. Sets the type, id and time in the body if the scheme selects them there. Throws
 * `unprocessable` if the secret cannot sign.
 */
export function sampleDelivery(delivery: SampleDelivery): { headers: Record<string, string>; body: Buffer } {
  const { scheme, sample, type, id, secret, url, nowMs, method = "POST" } = delivery;
  const body = copyOf(delivery.data === undefined ? sample.body : inBatch(scheme, delivery));
  const items = itemsIn(scheme, body);
  const setAt = (selectors: readonly DeliveryIdSelector[] | undefined, value: string) => {
    const selector = selectors?.find(
      (one) => ("body" in one && one.body !== "") || ("item" in one && one.item !== ""),
    );
    if (selector === undefined) return false;
    if ("body" in selector) setPointer(body, selector.body, value);
    if ("item" in selector) for (const item of items) setPointer(item, selector.item, value);
    return true;
  };
  if (type !== undefined) setType(scheme, type, setAt);
  if (scheme.delivery_id?.every((selector) => "body" in selector)) setAt(scheme.delivery_id, id);
  const { timestamp } = scheme;
  if (timestamp) setAt(timestamp.from, formatTimestamp(nowMs, timestamp.unit));

  const bytes = Buffer.from(sample.form ? asForm(body as Record<string, string>) : writeJson(body));
  const signed = signSample({
    scheme,
    secret,
    body: bytes,
    nowMs,
    id,
    type: type ?? ownType(scheme, sample) ?? "sample",
    method,
    url,
  });
  const contentType = sample.form ? "application/x-www-form-urlencoded" : "application/json";
  return {
    headers: { "content-type": contentType, ...sample.headers, ...signed.headers },
    body: signed.body,
  };
}

function copyOf(value: unknown): unknown {
  return readJson(writeJson(value));
}

/** Returns the type in the sample's own headers. */
function ownType({ type: { from } }: Scheme, { headers = {} }: PresetSample): string | undefined {
  return from.flatMap((selector) => ("header" in selector ? (headers[selector.header] ?? []) : []))[0];
}

/** Wraps the data in a batch if the scheme has batches and the data is none. */
function inBatch(scheme: Scheme, { data, sample }: SampleDelivery): unknown {
  if (scheme.items === undefined || itemsIn(scheme, data).length > 0) return data;
  const [pointer = ""] = scheme.items;
  if (pointer === "") return [data];
  const batch = copyOf(sample.body);
  setPointer(batch, pointer, [data]);
  return batch;
}

function itemsIn(scheme: Scheme, body: unknown): unknown[] {
  for (const pointer of scheme.items ?? []) {
    const items = resolvePointer(body, pointer);
    if (Array.isArray(items)) return items;
  }
  return [];
}

function setType(
  { type: { from, suffix } }: Scheme,
  type: string,
  setAt: (selectors: readonly DeliveryIdSelector[], value: string) => boolean,
): void {
  const end = suffix === undefined ? -1 : type.indexOf(".");
  // A type in a header is set when the headers are.
  if (from[0] !== undefined && !("header" in from[0]))
    setAt([from[0]], end === -1 ? type : type.slice(0, end));
  if (suffix !== undefined && end !== -1) setAt([suffix], type.slice(end + 1));
}

/** Sets a member, creating the objects on the way. Replaces a number with a number. */
function setPointer(data: unknown, pointer: string, value: unknown): void {
  const keys = pointer
    .slice(1)
    .split("/")
    .map((token) => token.replaceAll("~1", "/").replaceAll("~0", "~"));
  let at = data;
  for (const [index, key] of keys.entries()) {
    if (typeof at !== "object" || at === null) return;
    const members = at as Record<string, unknown>;
    if (index < keys.length - 1) {
      if (typeof members[key] !== "object" || members[key] === null) members[key] = {};
      at = members[key];
    } else members[key] = isNumber(members[key]) && typeof value === "string" ? Number(value) : value;
  }
}

function isNumber(value: unknown): boolean {
  return typeof value === "number" || value instanceof ExactNumber;
}

function asForm(fields: Record<string, string>): string {
  return new URLSearchParams(fields).toString();
}
