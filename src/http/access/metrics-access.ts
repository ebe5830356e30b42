import { createHash, timingSafeEqual } from "node:crypto";
import type { FastifyRequest } from "fastify";
import ipaddr from "ipaddr.js";
import { HeadraceError } from "../../domain/errors.ts";

/** Headers that a proxy adds to a forwarded request. */
const FORWARDING =
  /^(?:forwarded|via|x-forwarded(?:-.+)?|x-real-ip|x-client-ip|true-client-ip|cf-connecting-ip)$/i;

/**
 * Creates the guard of `/metrics`. With a key, every request must send it as a bearer token. Without a key, only
 * requests from this machine that no proxy forwarded are allowed. Throws `unauthorized`.
 */
export function createMetricsAccess(key: string | undefined): (request: FastifyRequest) => Promise<void> {
  return async ({ headers, raw }) => {
    if (key !== undefined) {
      const shown = /^Bearer +([\x21-\x7e]{1,500})$/i.exec(headers.authorization ?? "")?.[1] ?? "";
      if (timingSafeEqual(digestOf(shown), digestOf(key))) return;
      throw new HeadraceError(
        "unauthorized",
        "Metrics require the key of HEADRACE_METRICS_KEY, as Authorization: Bearer <key>",
      );
    }
    const isForwarded = raw.rawHeaders.some((name, index) => index % 2 === 0 && FORWARDING.test(name));
    if (!isForwarded && isLoopback(raw.socket.remoteAddress)) return;
    throw new HeadraceError(
      "unauthorized",
      "Metrics are available only from this machine and not through a proxy: set HEADRACE_METRICS_KEY and send it as Authorization: Bearer <key>",
    );
  };
}

function digestOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}

function isLoopback(address: string | undefined): boolean {
  return address !== undefined && ipaddr.isValid(address) && ipaddr.process(address).range() === "loopback";
}
