import type { Readable } from "node:stream";
import { HeadraceError } from "../../domain/errors.ts";

/**
 * Reads a body into memory. Ends with `payload_too_large` if the body, or its stated size, exceeds `limitBytes`,
 * before the rest is read, and with `store_unavailable` if `take` refuses bytes.
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
    // Further errors concern the same lost connection.
    payload.on("error", () => {});
    settle(new HeadraceError("invalid_request", "The connection closed before the body was complete"));
  };
  function add(chunk: Buffer): void {
    bytes += chunk.length;
    if (bytes > limitBytes) settle(tooLarge(limitBytes));
    else if (!take(chunk.length))
      settle(new HeadraceError("store_unavailable", "Too many request bodies are in memory"));
    else chunks.push(chunk);
  }
  if (statedBytes > limitBytes) done(tooLarge(limitBytes));
  else payload.on("data", add).on("end", finish).on("error", abort);
}

function tooLarge(limitBytes: number): HeadraceError {
  return new HeadraceError("payload_too_large", `The body is larger than ${limitBytes} bytes`);
}
