import { readPages, writePages } from "../../redis/source-pages.ts";
import type { PageMemory } from "../fetch/fetched-page.ts";
import { countOf, memoryOf, packNotes, recordsOf } from "./page-notes.ts";
import type { PollContext } from "./poll-context.ts";
import type { PollProgress } from "./poll-progress.ts";
import type { RememberedPages, SnapshotReading } from "./read-snapshot.ts";

/** The usable pages of the last poll. */
export interface PageStore extends RememberedPages {
  memory(ref: string): PageMemory | undefined;
  /** Stores the pages of this poll. `settled` says that the poll saw every tracked record. */
  save(reading: SnapshotReading, settled: boolean): Promise<void>;
}

/**
 * Reads the remembered pages of a source. They are valid only for the digest generation that they were compared with:
 * an unchanged page does not reflect records that a later commit changed. Returns no pages unless `trusted`.
 */
export async function rememberPages(
  { store, source, reader, bounds, claim }: PollContext,
  progress: PollProgress,
  trusted: boolean,
): Promise<PageStore> {
  const { redis, keys, ttlSeconds } = store;
  const stampAt = (generation: number, settled: boolean) =>
    [generation, source.version, reader.version, settled ? "settled" : "open"].join(" ");
  const { generation } = progress.state;
  const usable = trusted ? [stampAt(generation, true), stampAt(generation, false)] : [];
  const { stamp, pages } = await readPages(redis, keys, usable);
  const stays = stamp !== undefined && usable.includes(stamp);
  return {
    memory(ref) {
      const packed = pages.get(ref);
      return packed && memoryOf(packed);
    },
    records: (ref) => recordsOf(pages.get(ref) ?? NO_NOTES),
    count: (ref) => countOf(pages.get(ref) ?? NO_NOTES),
    areAll(visited) {
      return (
        stamp === stampAt(generation, true) &&
        visited.size === pages.size &&
        [...visited].every(([ref, notes]) => notes === undefined && pages.has(ref))
      );
    },
    async save({ visited }, settled) {
      const fresh = new Map<string, Buffer>();
      for (const [ref, notes] of visited) {
        if (notes !== undefined && ref !== "") fresh.set(ref, packNotes(notes));
      }
      const gone = [...pages.keys()].filter((ref) => !visited.has(ref));
      const next = stampAt(progress.state.generation, settled);
      // Pages are useless while Redis lacks the digests that they were compared with.
      if (progress.behind || visited.size > bounds.maxPages) return;
      if (stamp === next && fresh.size === 0 && gone.length === 0) return;
      await writePages(redis, keys, {
        from: stamp,
        writer: claim.pollId,
        stamp: next,
        stays,
        pages: fresh,
        gone,
        ttlSeconds,
      });
    },
  };
}

const NO_NOTES = packNotes({ memory: { records: 0 }, records: [] });
