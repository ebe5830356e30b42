import { hash } from "node:crypto";
import { responseTimeMs } from "../../domain/waits/read-wait.ts";
import { hashVersion } from "../records/record-options.ts";
import { pageFingerprint } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import type { PageMemory } from "./fetched-page.ts";

/** Fingerprints the pages of a source under its current settings. */
export interface PageMemories {
  /** Hex digest of a page's bytes and of the settings it was read with. */
  fingerprint(bytes: Buffer): string;
  /** Whether the page was read with the current settings. Otherwise its memory must not be used. */
  isUsable(memory: PageMemory | undefined): memory is PageMemory;
}

const PREFIX_LENGTH = 16;

/** Returns the fingerprints of a source's pages. */
export function pageMemories(source: PolledSource): PageMemories {
  const version = `${hashVersion(source.records)}:${source.version}`;
  const prefix = hash("sha256", version).slice(0, PREFIX_LENGTH);
  return {
    fingerprint: (bytes) => prefix + pageFingerprint(bytes, version).toString("hex"),
    isUsable: (memory): memory is PageMemory => memory?.fingerprint?.startsWith(prefix) === true,
  };
}

/** Returns the headers that request a page only if it changed. */
export function conditionalHeaders({ etag, lastModified }: PageMemory): Record<string, string> {
  if (etag !== undefined) return { "if-none-match": etag };
  return lastModified === undefined ? {} : { "if-modified-since": lastModified };
}

/** Longer validators are not kept, so that a memory stays at a few hundred bytes. */
const MAX_VALIDATOR_LENGTH = 512;

/**
 * Returns the validators of a response, byte for byte. `lastModified` is omitted unless the response is at least a
 * second newer: the page could change again within that second. Source: RFC 9110, section 8.8.2.2.
 */
export function validatorsOf(
  headers: Readonly<Record<string, string>>,
  nowMs: number,
): Pick<PageMemory, "etag" | "lastModified"> {
  const { etag, "last-modified": lastModified } = headers;
  const changedMs = Date.parse(lastModified ?? "");
  const isSettled = responseTimeMs(headers, nowMs) - changedMs >= 1_000;
  return {
    ...(isKept(etag) && { etag }),
    ...(isKept(lastModified) && isSettled && { lastModified }),
  };
}

function isKept(validator: string | undefined): validator is string {
  return validator !== undefined && validator !== "" && validator.length <= MAX_VALIDATOR_LENGTH;
}
