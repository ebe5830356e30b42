import type { Readable } from "node:stream";
import { HeadraceError } from "../domain/errors.ts";

/**
 * Reads the whole body, counted as it comes: one that is larger than `limitBytes`, or says that it is, ends with
 * `payload_too_large` before the rest is read.
 */
export function readBody(
  payload: Readable,
  { statedBytes, limitBytes }: { statedBytes: number; limitBytes: number },
  done: (error: Error | null, body?: Buffer) => void,
): void {
  const chunks: Buffer[] = [];
  let bytes = 0;
  function end(error: Error | null): void {
    payload.off("data", take).off("end", end).off("error", end);
    if (error instanceof Error) done(error);
    else done(null, chunks.length === 1 ? chunks[0] : Buffer.concat(chunks, bytes));
  }
  function take(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > limitBytes) end(tooLarge(limitBytes));
    else chunks.push(chunk);
  }
  if (statedBytes > limitBytes) done(tooLarge(limitBytes));
  else payload.on("data", take).on("end", end).on("error", end);
}

function tooLarge(limitBytes: number): HeadraceError {
  return new HeadraceError("payload_too_large", `The body is larger than ${limitBytes} bytes`);
}
