import { deflateRawSync, inflateRawSync } from "node:zlib";
import { writeJson } from "../../domain/json/exact-number.ts";
import { readJson } from "../../domain/json/parse-text.ts";
import type { FieldDigests } from "../digests/field-digests.ts";
import type { Kept } from "./change-detail.ts";

/** Packs and unpacks the kept values of records. */
export interface ValuePacker {
  /** Undefined until a record was packed. */
  readonly dictionary: Buffer | undefined;
  pack(kept: Kept): Buffer;
  /** Returns undefined for content that was packed with another dictionary. */
  unpack(content: Buffer): Kept | undefined;
}

/** Returns a packer. Without a `dictionary`, the first `pack` builds one from the sample. */
export function valuePacker(dictionary: Buffer | undefined, sample: () => readonly Kept[]): ValuePacker {
  let words = dictionary;
  return {
    get dictionary() {
      return words;
    },
    pack(kept) {
      words ??= dictionaryOf(sample());
      return deflateRawSync(textOf(kept), { dictionary: words, level: 4 });
    },
    unpack(content) {
      if (words === undefined) return undefined;
      try {
        const text = inflateRawSync(content, { dictionary: words }).toString();
        const value = readJson(text.slice(1));
        return text.startsWith("v") ? { values: value } : { fields: value as FieldDigests };
      } catch {
        return undefined;
      }
    },
  };
}

/** Records are alike, so the first few contain most of the text of the others. */
const MAX_DICTIONARY_BYTES = 8_192;

function dictionaryOf(sample: readonly Kept[]): Buffer {
  let text = "";
  for (const kept of sample) {
    if (text.length >= MAX_DICTIONARY_BYTES) break;
    text += textOf(kept);
  }
  return Buffer.from(text || "v{}").subarray(0, MAX_DICTIONARY_BYTES);
}

function textOf(kept: Kept): string {
  return "values" in kept ? `v${writeJson(kept.values)}` : `f${JSON.stringify(kept.fields)}`;
}
