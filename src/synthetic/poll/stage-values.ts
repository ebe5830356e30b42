import { readValues, type StoredValues } from "../../postgres/sources/record-values.ts";
import type { Kept } from "../records/change-detail.ts";
import { valuePacker } from "../records/value-packer.ts";
import type { PollContext } from "./poll-context.ts";
import type { PollProgress } from "./poll-progress.ts";
import type { StagedRecord } from "./poll-stage.ts";

/** The changes of one commit to the kept values. */
export interface StagedValues {
  /** The values kept so far of records that changed or are gone. */
  before: ReadonlyMap<StagedRecord, Kept>;
  kept: StoredValues[];
  forgotten: Buffer[];
  /** Deletes all values of the source first. */
  forgetAll: boolean;
  dictionary: Buffer | undefined;
}

/** Records that the dictionary is built from. */
const MAX_SAMPLE = 64;

/** Reads the kept values of staged records and packs their new ones. */
export async function stageValues(
  { source, name, database, detail, bounds }: PollContext,
  { state, reset }: PollProgress,
  staged: readonly StagedRecord[],
): Promise<StagedValues> {
  const discards = source.diff === "none" || reset !== undefined;
  const forgetAll = reset !== undefined || (discards && state.dictionary !== undefined);
  const dictionary = discards ? undefined : state.dictionary;
  if (source.diff === "none") {
    return { before: new Map(), kept: [], forgotten: [], forgetAll, dictionary };
  }
  const compared = staged.filter(({ change }) => change === "updated" || change === "deleted");
  const stored = discards
    ? new Map<string, Buffer>()
    : await readValues(
        database.pipeline,
        name,
        compared.map((one) => one.name),
      );
  const renewed = staged.flatMap((one) => {
    const large = (one.payload?.length ?? 0) > bounds.maxRecordBytes;
    const kept = one.record === undefined || large ? undefined : detail.keep(one.record);
    return kept === undefined ? [] : { one, kept };
  });
  const packer = valuePacker(dictionary, () => renewed.slice(0, MAX_SAMPLE).map(({ kept }) => kept));
  const before = new Map<StagedRecord, Kept>();
  for (const one of compared) {
    const content = stored.get(one.name.toString("hex"));
    const kept = content && packer.unpack(content);
    if (kept !== undefined) before.set(one, kept);
  }
  const replaced = new Set(renewed.map(({ one }) => one));
  const kept = renewed.map((one) => ({ record: one.one.name, content: packer.pack(one.kept) }));
  return {
    before,
    kept,
    // Records that are gone or too large by now. The values of a merely absent record stay.
    forgotten: staged.flatMap((one) => (!replaced.has(one) && one.change !== "missing" ? [one.name] : [])),
    forgetAll,
    dictionary: packer.dictionary,
  };
}
