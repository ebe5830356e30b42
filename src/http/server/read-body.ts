import type { Readable } from "node:stream";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * Reads the whole body, counted as it comes: one that is larger than `limitBytes`, or says that it is, ends with
 * `payload_too_large` before the rest is read; where `take` says no, with `store_unavailable`.
 */
export function readBody(
  payload: Readable,
  {
    statedBytes,
    limitBytes,
    take,
  }: { statedBytes: number; limitBytes: number; take: (bytes: number) => boolean },
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  function settle(error: Error | null): void {
    payload.off("data", add).off("end", finish).off("error", abort);
    if (error !== null) done(error);
    else done(null, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes));
  }
  const finish = () => settle(null);
  const abort = () => {
    // An error after this one is of the same lost connection.
    payload.on("error", () => {});
    settle(new HeadraceError("invalid_request", "The connection ended before the body did"));
  };
  function add(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > limitBytes) settle(tooLarge(limitBytes));
    else if (!take(chunk.length))
      settle(new HeadraceError("store_unavailable", "Too many bodies are in hand"));
    else chunks.push(chunk);
  }
  if (statedBytes > limitBytes) done(tooLarge(limitBytes));
  else payload.on("data", add).on("end", finish).on("error", abort);
}

function tooLarge(limitBytes: number): HeadraceError {
  return new HeadraceError("payload_too_large", `The body is larger than ${limitBytes} bytes`);
}
