import { MultipartParseError, type MultipartPart, parseMultipart } from "@remix-run/multipart-parser";
import { SliceBudget, type Slices } from "../slices.ts";

/** A part of a form. Its content lies in the body, from `from` to `to`. */
export interface FormPart {
  /** Empty if the part has none. */
  name: string;
  filename: string | undefined;
  mediaType: string | undefined;
  from: number;
  to: number;
}

/** The parts of a form, or the reason why they cannot be read. The reason quotes nothing of the body. */
export type FormParts = { kind: "parts"; parts: FormPart[] } | { kind: "unreadable"; reason: string };

/** Longest headers of a part, bytes. */
const MAX_HEADER_BYTES = 8_192;

/** Reads the parts of a multipart/form-data body (RFC 7578) by the boundary of its content type. */
export function* readMultipart(
  body: Buffer,
  { contentType, maxParts }: { contentType: string; maxParts: number },
): Slices<FormParts> {
  const boundary = boundaryOf(contentType);
  if (boundary === undefined) return unreadable("The content type of the form names no boundary");
  return yield* readParts(body, { boundary, maxParts });
}

/** Reads the parts of a body that begins as multipart/form-data does, whatever its content type claims. */
export function* guessMultipart(body: Buffer, { maxParts }: { maxParts: number }): Slices<FormParts> {
  const line = /^--([^\r\n]{1,70})\r\n/.exec(body.toString("latin1", 0, 74));
  if (line === null) return unreadable(MALFORMED);
  return yield* readParts(body, { boundary: line[1] as string, maxParts });
}

function* readParts(
  body: Buffer,
  { boundary, maxParts }: { boundary: string; maxParts: number },
): Slices<FormParts> {
  const budget = new SliceBudget();
  const parts: FormPart[] = [];
  const options = { boundary, maxParts, maxHeaderSize: MAX_HEADER_BYTES, maxFileSize: body.length };
  try {
    for (const part of parseMultipart(body, { ...options, maxTotalSize: body.length })) {
      const read = partOf(part, body);
      parts.push(read);
      if (budget.spend(read.to - read.from)) yield;
    }
  } catch (error) {
    // The headers of a part are decoded strictly.
    if (error instanceof MultipartParseError || error instanceof TypeError) return unreadable(MALFORMED);
    throw error;
  }
  return { kind: "parts", parts };
}

function partOf(part: MultipartPart, body: Buffer): FormPart {
  const { name = "", filename, mediaType } = part;
  // A body in one piece gives each part in one piece.
  const [content] = part.content;
  const from = content === undefined ? 0 : content.byteOffset - body.byteOffset;
  return { name, filename, mediaType, from, to: from + part.size };
}

/** Returns the boundary in a content type; undefined if it has none that RFC 2046 allows. */
function boundaryOf(contentType: string): string | undefined {
  const found = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/i.exec(contentType);
  const boundary = found?.[1] ?? found?.[2];
  return boundary !== undefined && /^[\x20-\x7e]+$/.test(boundary) ? boundary : undefined;
}

const MALFORMED = "The body is not a valid multipart form";

function unreadable(reason: string): FormParts {
  return { kind: "unreadable", reason };
}
