import { randomUUID } from "node:crypto";
import { Readable } from "node:stream";
import type { FastifyReply } from "fastify";

/** A value of a response that is already JSON. A token stands for it in the serialized response until it is sent. */
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

/** Size above which payloads are not serialized again, bytes. */
export const JSON_TEXT_BYTES = 4_096;

/** Sends a response that contains JSON texts, in order of appearance. They are neither parsed nor copied. */
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
    const start = rest.indexOf(mark);
    parts.push(Buffer.from(rest.slice(0, start)), text.bytes);
    rest = rest.slice(start + mark.length);
  }
  parts.push(Buffer.from(rest));
  const bytes = parts.reduce((sum, part) => sum + part.length, 0);
  return reply
    .header("content-type", "application/json; charset=utf-8")
    .header("content-length", bytes)
    .send(Readable.from(parts));
}
