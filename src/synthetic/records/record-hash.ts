import { hash } from "node:crypto";

const HASH_BYTES = 32;
const BLOCK_BYTES = 256 * HASH_BYTES;

let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
let used = 0;

/**
 * Returns the SHA-256 of a text. The bytes share a block with other hashes, since allocating a buffer for each takes
 * four times as long. Use `ownCopy` to keep a hash for longer than a page; otherwise the whole block stays in memory.
 */
export function recordHash(text: string): Buffer {
  if (used === BLOCK_BYTES) {
    block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
    used = 0;
  }
  const start = used;
  used += HASH_BYTES;
  block.write(hash("sha256", text, "binary"), start, "latin1");
  return block.subarray(start, used);
}

/** Copies bytes into a buffer of their own. */
export function ownCopy(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
