import { hash } from "node:crypto";

const HASH_BYTES = 32;
const BLOCK_BYTES = 256 * HASH_BYTES;

let block = Buffer.allocUnsafeSlow(BLOCK_BYTES);
let used = 0;

/**
 * SHA-256 of a text. The bytes lie in a block of many hashes, since a buffer of its own takes four times as long to
 * make: who keeps them for longer than a page keeps an `ownCopy`, or the whole block stays with them.
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

/** The same bytes in a buffer of their own. */
export function ownCopy(bytes: Buffer): Buffer {
  const own = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(own);
  return own;
}
