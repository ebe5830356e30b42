import { deflateRawSync, inflateRawSync } from "node:zlib";
import { readValues, type StoredValues } from "../../postgres/sources/record-values.ts";
import type { FieldDigests } from "../digests/field-digests.ts";
import type { PollSession } from "../poller/poll-session.ts";
import type { StagedRecord } from "../poller/poll-stage.ts";
import type { Kept } from "./change-detail.ts";

/** What zlib can look back to; records are alike, so that the first few tell most of the others' text. */
const MAX_DICTIONARY_BYTES = 8_192;

/** Packs and unpacks what is kept of records. */
export interface ValuePacker {
  /** Undefined until something was packed. */
  readonly dictionary: Buffer | undefined;
  pack(kept: Kept): Buffer;
  /** Undefined for what was packed with another dictionary. */
  unpack(content: Buffer): Kept | undefined;
}

/** With no dictionary given, the first records that are packed become it. */
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
        const value = JSON.parse(text.slice(1)) as unknown;
        return text.startsWith("v") ? { values: value } : { fields: value as FieldDigests };
      } catch {
        return undefined;
      }
    },
  };
}

/** The likeliest text last, where a reference to it is the shortest. */
function dictionaryOf(sample: readonly Kept[]): Buffer {
  let text = "";
  for (const kept of sample) {
    if (text.length >= MAX_DICTIONARY_BYTES) break;
    text += textOf(kept);
  }
  return Buffer.from(text || "v{}").subarray(0, MAX_DICTIONARY_BYTES);
}

function textOf(kept: Kept): string {
  return "values" in kept ? `v${JSON.stringify(kept.values)}` : `f${JSON.stringify(kept.fields)}`;
}

/** What a commit does to the values that are kept. */
export interface StagedValues {
  /** What was kept of records that changed, or are gone. */
  before: ReadonlyMap<StagedRecord, Kept>;
  kept: StoredValues[];
  forgotten: Buffer[];
  /** Whatever was kept is of no use any more. */
  forgetAll: boolean;
  dictionary: Buffer | undefined;
}

/** Reads what was kept of staged records, and packs what is to be kept of them from now on. */
export async function valuesOfStage(
  { source, state, reset, database, detail, bounds }: PollSession,
  staged: readonly StagedRecord[],
): Promise<StagedValues> {
  const useless = source.diff === "none" || reset !== undefined;
  const forgetAll = reset !== undefined || (useless && state.dictionary !== undefined);
  const values: StagedValues = {
    ...{ before: new Map(), kept: [], forgotten: [], forgetAll },
    dictionary: useless ? undefined : state.dictionary,
  };
  if (source.diff === "none") return values;
  const compared = staged.filter(({ change }) => change === "updated" || change === "deleted");
  const stored = useless
    ? new Map<string, Buffer>()
    : await readValues(
        database.pipeline,
        { tenantId: source.tenantId, source: source.source },
        compared.map(({ name }) => name),
      );
  const news = staged.flatMap((one) => {
    const large = (one.payload?.length ?? 0) > bounds.maxRecordBytes;
    const kept = one.record === undefined || large ? undefined : detail.keep(one.record);
    return kept === undefined ? [] : { one, kept };
  });
  const packer = valuePacker(values.dictionary, () => news.slice(0, MAX_SAMPLE).map(({ kept }) => kept));
  const before = new Map<StagedRecord, Kept>();
  for (const one of compared) {
    const content = stored.get(one.name.toString("hex"));
    const kept = content && packer.unpack(content);
    if (kept !== undefined) before.set(one, kept);
  }
  const replaced = new Set(news.map(({ one }) => one));
  return {
    ...{ ...values, before },
    kept: news.map(({ one, kept }) => ({ record: one.name, content: packer.pack(kept) })),
    // Gone, or too large by now; an absence alone changes nothing.
    forgotten: staged.flatMap((one) => (!replaced.has(one) && one.change !== "missing" ? [one.name] : [])),
    dictionary: packer.dictionary,
  };
}

const MAX_SAMPLE = 64;
