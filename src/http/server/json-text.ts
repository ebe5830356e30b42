import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/** A value of an answer that is JSON already. In the answer's text its token stands for it, until it is sent. */
export class JsonText {
  readonly bytes: Buffer;
  readonly #token = randomUUID();

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  toJSON(): string {
    return this.#token;
  }
}

/** Larger payloads are not written anew into an answer, bytes. */
export const JSON_TEXT_BYTES = 4_096;

/** Sends an answer that holds JSON texts, in the order in which they stand in it. They are neither read nor copied. */
export function sendWithTexts(
  reply: FastifyReply,
  answer: unknown,
  texts: readonly JsonText[],
): FastifyReply {
  if (texts.length === 0) return reply.send(answer);
  let rest = reply.serialize(answer);
  if (typeof rest !== "string") rest = rest.toString();
  const parts: Buffer[] = [];
  for (const text of texts) {
    const mark = JSON.stringify(text);
    const at = rest.indexOf(mark);
    parts.push(Buffer.from(rest.slice(0, at)), text.bytes);
    rest = rest.slice(at + mark.length);
  }
  parts.push(Buffer.from(rest));
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return reply
    .header("content-type", "application/json; charset=utf-8")
    .header("content-length", bytes)
    .send(Readable.from(parts));
}
