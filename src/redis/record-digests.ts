import type { RedisClient } from "./client.ts";
import type { SourceKeys } from "./keys.ts";

/** The generation of the shards of a source. */
export interface DigestHead {
  generation: number;
  /** The codes of the shards. */
  codes: readonly number[];
  /** The codes of shards that may lack tracked records. */
  partial: readonly number[];
}

/** Shards per command: about a megabyte. */
const SHARDS_AT_ONCE = 32;
const KEYS_AT_ONCE = 512;

/** Reads the head; undefined if there is none or it is malformed. */
export async function readDigestHead(redis: RedisClient, keys: SourceKeys): Promise<DigestHead | undefined> {
  const [generation, codes, partial] = await redis.hmgetBuffer(
    keys.digests,
    "generation",
    "codes",
    "partial",
  );
  if (!generation || !codes || !partial) return undefined;
  const known = Number(generation.toString("latin1"));
  if (!Number.isSafeInteger(known)) return undefined;
  return { generation: known, codes: unpackCodes(codes), partial: unpackCodes(partial) };
}

function unpackCodes(bytes: Buffer): number[] {
  return Array.from({ length: bytes.length >> 2 }, (_, index) => bytes.readUInt32LE(index * 4));
}

function packCodes(codes: readonly number[]): Buffer {
  const bytes = Buffer.alloc(codes.length * 4);
  for (const [index, code] of codes.entries()) bytes.writeUInt32LE(code, index * 4);
  return bytes;
}

/** Yields each shard in the order of the codes; undefined for one that is missing. */
export async function* readShards(
  redis: RedisClient,
  keys: SourceKeys,
  codes: readonly number[],
): AsyncGenerator<{ code: number; content: Buffer | undefined }> {
  for (let start = 0; start < codes.length; start += SHARDS_AT_ONCE) {
    const some = codes.slice(start, start + SHARDS_AT_ONCE);
    const contents = await redis.mgetBuffer(...some.map((code) => keys.shard(code)));
    for (const [index, code] of some.entries()) yield { code, content: contents[index] ?? undefined };
  }
}

/**
 * Writes shards if the head is still the one that was read, so that a poller that was overtaken writes nothing. `from` is
 * the generation in that head, undefined for none. Returns whether they were written.
 */
export async function writeShards(
  redis: RedisClient,
  keys: SourceKeys,
  {
    from,
    shards,
    ttlSeconds,
  }: { from: number | undefined; shards: ReadonlyMap<number, Buffer>; ttlSeconds: number },
): Promise<boolean> {
  const all = [...shards];
  for (let start = 0; start < all.length; start += SHARDS_AT_ONCE) {
    const some = all.slice(start, start + SHARDS_AT_ONCE);
    const names = [keys.digests, ...some.map(([code]) => keys.shard(code))];
    const contents = some.map(([, content]) => content);
    const written = await redis.eval(
      WRITE_SHARDS,
      names.length,
      ...names,
      from ?? "",
      ttlSeconds,
      ...contents,
    );
    if (written !== 1) return false;
  }
  return true;
}

const WRITE_SHARDS = `
if (redis.call('HGET', KEYS[1], 'generation') or '') ~= ARGV[1] then return 0 end
for i = 2, #KEYS do redis.call('SET', KEYS[i], ARGV[i + 1], 'EX', ARGV[2]) end
return 1`;

/** Replaces the head if it is still the one that was read, which makes the written shards current. Returns whether it was replaced. */
export async function writeDigestHead(
  redis: RedisClient,
  keys: SourceKeys,
  { from, head, ttlSeconds }: { from: number | undefined; head: DigestHead; ttlSeconds: number },
): Promise<boolean> {
  const args = [from ?? "", head.generation, packCodes(head.codes), packCodes(head.partial), ttlSeconds];
  return (await redis.eval(WRITE_HEAD, 1, keys.digests, ...args)) === 1;
}

const WRITE_HEAD = `
if (redis.call('HGET', KEYS[1], 'generation') or '') ~= ARGV[1] then return 0 end
redis.call('HSET', KEYS[1], 'generation', ARGV[2], 'codes', ARGV[3], 'partial', ARGV[4])
redis.call('EXPIRE', KEYS[1], ARGV[5])
return 1`;

/** Deletes shards that no head lists any more. */
export async function dropShards(
  redis: RedisClient,
  keys: SourceKeys,
  codes: readonly number[],
): Promise<void> {
  for (let start = 0; start < codes.length; start += KEYS_AT_ONCE) {
    await redis.unlink(...codes.slice(start, start + KEYS_AT_ONCE).map((code) => keys.shard(code)));
  }
}

/** Extends the life of all keys of the source to `ttlSeconds`. */
export async function keepDigests(
  redis: RedisClient,
  keys: SourceKeys,
  { codes, ttlSeconds }: { codes: readonly number[]; ttlSeconds: number },
): Promise<void> {
  const names = [keys.digests, keys.pages, ...codes.map((code) => keys.shard(code))];
  for (let start = 0; start < names.length; start += KEYS_AT_ONCE) {
    const some = names.slice(start, start + KEYS_AT_ONCE);
    await redis.eval(EXPIRE_ALL, some.length, ...some, ttlSeconds);
  }
}

const EXPIRE_ALL = "for _, key in ipairs(KEYS) do redis.call('EXPIRE', key, ARGV[1]) end";
