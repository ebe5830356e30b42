import { isUtf8 } from "node:buffer";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";

const inflate = promisify(gunzip);

/** The decompressed body, or the reason why there is none. */
export type BodyReading =
  | { kind: "bytes"; bytes: Buffer }
  | { kind: "failed"; code: "PAGE_TOO_LARGE" | "PAGE_TRUNCATED" | "PAGE_UNREADABLE"; message: string };

/** Decompresses a body. Stops at `maxBytes`. */
export async function readBody(
  { body, truncated }: { body: Buffer; truncated: boolean },
  encoding: string | undefined,
  maxBytes: number,
): Promise<BodyReading> {
  if (truncated) return tooLarge(maxBytes);
  const name = encoding?.trim().toLowerCase() ?? "";
  if (name === "" || name === "identity") return { kind: "bytes", bytes: body };
  if (name !== "gzip" && name !== "x-gzip") {
    return failed("PAGE_UNREADABLE", "The response has an encoding that was not requested");
  }
  try {
    return { kind: "bytes", bytes: await inflate(body, { maxOutputLength: maxBytes }) };
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE") return tooLarge(maxBytes);
    if (code === "Z_BUF_ERROR") return failed("PAGE_TRUNCATED", "The response ends within its gzip data");
    return failed("PAGE_UNREADABLE", "The response is not valid gzip data");
  }
}

/** Returns a page without its byte order mark; undefined if it is not UTF-8, so that no damaged record is compared. */
export function utf8Of(bytes: Buffer): Buffer | undefined {
  if (!isUtf8(bytes)) return undefined;
  return bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? bytes.subarray(3) : bytes;
}

function tooLarge(maxBytes: number): BodyReading {
  return failed("PAGE_TOO_LARGE", `The response is larger than ${maxBytes} bytes: use smaller pages`);
}

function failed(code: Extract<BodyReading, { kind: "failed" }>["code"], message: string): BodyReading {
  return { kind: "failed", code, message };
}
