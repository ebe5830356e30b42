import { readPages, writePages } from "../../redis/source-pages.ts";
import type { PollSession } from "../poller/poll-session.ts";
import type { PageMemory } from "./fetched-page.ts";
import { countOf, memoryOf, packNotes, recordsOf } from "./page-notes.ts";
import type { RememberedPages, SnapshotReading } from "./read-snapshot.ts";

/** The pages of the last poll, where they can still be trusted, and what is to be kept of this one's. */
export interface PageStore extends RememberedPages {
  memory(ref: string): PageMemory | undefined;
  /** Keeps the pages of this poll; `settled` says that it saw every record that is tracked. */
  save(reading: SnapshotReading, settled: boolean): Promise<void>;
}

/**
 * Reads what is remembered of a source's pages. It is of use only to the generation of digests that it was compared
 * with: a page that is as it was then says nothing about a record that was changed since by a commit of another.
 */
export async function rememberPages(session: PollSession, trusted: boolean): Promise<PageStore> {
  const { store, source, reader, bounds } = session;
  const { redis, keys, ttlSeconds } = store;
  const stampAt = (generation: number, settled: boolean) =>
    [generation, source.version, reader.version, settled ? "settled" : "open"].join(" ");
  const { generation } = session.state;
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
        [...visited].every(([ref, news]) => news === undefined && pages.has(ref))
      );
    },
    async save({ visited }, settled) {
      const fresh = new Map<string, Buffer>();
      for (const [ref, notes] of visited) {
        if (notes !== undefined && ref !== "") fresh.set(ref, packNotes(notes));
      }
      const gone = [...pages.keys()].filter((ref) => !visited.has(ref));
      const next = stampAt(session.state.generation, settled);
      // Redis has to have what they were compared with.
      if (session.behind || visited.size > bounds.maxPages) return;
      if (stamp === next && fresh.size === 0 && gone.length === 0) return;
      const writer = session.claim.pollId;
      await writePages(redis, keys, {
        ...{ from: stamp, writer, stamp: next, stays, pages: fresh, gone, ttlSeconds },
      });
    },
  };
}

const NO_NOTES = packNotes({ memory: { records: 0 }, records: [] });
