import { hash } from "node:crypto";
import { hashVersion } from "../records/record-options.ts";
import { pageFingerprint } from "../records/record-reader.ts";
import type { PolledSource } from "../sources/polled-source.ts";
import type { PageMemory } from "./fetched-page.ts";
import { answeredAt } from "./rate-limit-headers.ts";

/** What pages are remembered by, of one source as it is set up now. */
export interface PageMemories {
  /** Hex. What a page was made of, and how it was read: another setting makes another one. */
  fingerprint(bytes: Buffer): string;
  /** Whether the page was read as it would be now; else nothing of its memory may be used. */
  isUsable(memory: PageMemory | undefined): memory is PageMemory;
}

const PREFIX_LENGTH = 16;

export function pageMemories(source: PolledSource): PageMemories {
  const version = `${hashVersion(source.records)}:${source.version}`;
  const prefix = hash("sha256", version).slice(0, PREFIX_LENGTH);
  return {
    fingerprint: (bytes) => prefix + pageFingerprint(bytes, version).toString("hex"),
    isUsable: (memory): memory is PageMemory => memory?.fingerprint?.startsWith(prefix) === true,
  };
}

/** The headers that ask for a page only if it is another than the one in memory. */
export function conditionalHeaders({ etag, lastModified }: PageMemory): Record<string, string> {
  if (etag !== undefined) return { "if-none-match": etag };
  return lastModified === undefined ? {} : { "if-modified-since": lastModified };
}

/** Longer ones are not kept: a memory is a few hundred bytes. */
const MAX_VALIDATOR_LENGTH = 512;

/**
 * The validators of an answer, byte for byte. A time of change is kept only where the answer is younger by a second or
 * more: within that second the page may have changed again. Source: RFC 9110, section 8.8.2.2.
 */
export function validatorsOf(
  headers: Readonly<Record<string, string>>,
  nowMs: number,
): Pick<PageMemory, "etag" | "lastModified"> {
  const { etag, "last-modified": lastModified } = headers;
  const changedMs = Date.parse(lastModified ?? "");
  const isSettled = answeredAt(headers, nowMs) - changedMs >= 1_000;
  return {
    ...(isKept(etag) && { etag }),
    ...(isKept(lastModified) && isSettled && { lastModified }),
  };
}

function isKept(validator: string | undefined): validator is string {
  return validator !== undefined && validator !== "" && validator.length <= MAX_VALIDATOR_LENGTH;
}
