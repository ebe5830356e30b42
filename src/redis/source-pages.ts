import type { RedisClient } from "./client.ts";
import type { SourceKeys } from "./keys.ts";

/** The hash field with the stamp of the pages; no page has this ref. */
const STAMP = "";
/** Pages per command. */
const PAGES_AT_ONCE = 256;

/** The remembered pages of a source, by their refs. */
export interface RememberedPages {
  /** The version of the pages; undefined if there are none. */
  stamp: string | undefined;
  pages: Map<string, Buffer>;
}

/** Reads the pages if their stamp is one of `stamps`; otherwise returns no pages. */
export async function readPages(
  redis: RedisClient,
  keys: SourceKeys,
  stamps: readonly string[],
): Promise<RememberedPages> {
  const pages = new Map<string, Buffer>();
  const stamp = (await redis.hget(keys.pages, STAMP)) ?? undefined;
  if (stamp === undefined || !stamps.includes(stamp)) return { stamp, pages };
  let cursor = "0";
  do {
    const [next, found] = await redis.hscanBuffer(keys.pages, cursor, "COUNT", PAGES_AT_ONCE);
    for (let index = 0; index + 1 < found.length; index += 2) {
      pages.set((found[index] as Buffer).toString(), found[index + 1] as Buffer);
    }
    cursor = next.toString();
  } while (cursor !== "0");
  pages.delete(STAMP);
  return { stamp, pages };
}

/**
 * Writes pages if the stamp is still `from`. The new stamp is written last: until then the pages have the name of the
 * writer as their stamp, so that a writer that dies or is overtaken leaves no pages that count. Returns whether all were
 * written.
 */
export async function writePages(
  redis: RedisClient,
  keys: SourceKeys,
  update: {
    from: string | undefined;
    /** A unique name of this writer. */
    writer: string;
    stamp: string;
    /** Whether pages that are not in `pages` or `gone` stay. */
    stays: boolean;
    pages: ReadonlyMap<string, Buffer>;
    gone: readonly string[];
    ttlSeconds: number;
  },
): Promise<boolean> {
  const { from = "", writer, stamp, stays, pages, gone, ttlSeconds } = update;
  const mine = `written by ${writer}`;
  const step = async (expected: string, next: string, first: 0 | 1, fields: readonly (string | Buffer)[]) =>
    (await redis.eval(WRITE_PAGES, 1, keys.pages, expected, next, ttlSeconds, first, ...fields)) === 1;
  if (!(await step(from, mine, stays ? 0 : 1, []))) return false;
  const all = [...pages];
  for (let start = 0; start < all.length; start += PAGES_AT_ONCE) {
    if (!(await step(mine, mine, 0, all.slice(start, start + PAGES_AT_ONCE).flat()))) return false;
  }
  for (let start = 0; start < gone.length; start += PAGES_AT_ONCE) {
    await redis.hdel(keys.pages, ...gone.slice(start, start + PAGES_AT_ONCE));
  }
  return await step(mine, stamp, 0, []);
}

// KEYS: the pages. ARGV: the expected stamp, the next stamp, the time to live (s), whether to delete all pages first (0 or
// 1), and fields with their values.
const WRITE_PAGES = `
if (redis.call('HGET', KEYS[1], '') or '') ~= ARGV[1] then return 0 end
if ARGV[4] == '1' then redis.call('UNLINK', KEYS[1]) end
redis.call('HSET', KEYS[1], '', ARGV[2], unpack(ARGV, 5))
redis.call('EXPIRE', KEYS[1], ARGV[3])
return 1`;
