import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import type { AcceptAnswer, Acceptor, Delivery } from "./acceptor.ts";
import type { EndpointCache, KnownEndpoint } from "./endpoint-cache.ts";
import { createReceiver } from "./receiver.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import { InboundRequest } from "./schemes/inbound-request.ts";
import { createVerifier } from "./schemes/verify.ts";

const NAME = { tenantId: "acme", connector: "shop", endpoint: "default" };
const SEEN_MS = 600_000;

/** Receives one delivery. The acceptor accepts everything, or, if backlogged, never commits. */
function receiving({ retrySpanS, backlogged = false }: { retrySpanS: number; backlogged?: boolean }) {
  const scheme = checkScheme({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-sig" }], encoding: "hex" },
    content: ["body"],
    type: { from: [{ body: "/type" }] },
    retry_span_s: retrySpanS,
  });
  const endpoint: KnownEndpoint = {
    counter: 1,
    name: NAME,
    scheme,
    verify: createVerifier(scheme, [{ value: "s" }]),
    hmacHex: () => undefined,
    closed: undefined,
    decryptionError: undefined,
    pending: false,
    account: undefined,
    tenant: { eventsPerSecond: undefined, maxBacklog: undefined },
  };
  const accepted: Delivery[] = [];
  const acceptor: Acceptor = {
    accept(delivery) {
      accepted.push(delivery);
      const events = delivery.events.map(() => ({ eventId: "new", duplicate: false }));
      return backlogged ? new Promise<AcceptAnswer>(() => {}) : Promise.resolve({ kind: "accepted", events });
    },
    withdraw: () => true,
    backlogged,
    waitedMs: 0,
  };
  const queried: string[] = [];
  const receiver = createReceiver({
    endpoints: { endpoint: () => endpoint, advance: () => {} } as unknown as EndpointCache,
    acceptor,
    findSeen: async (digest) => {
      queried.push(digest);
      return "earlier";
    },
    seenMs: SEEN_MS,
    readCounter: async () => 1,
    captureSecret: async () => false,
    takeQuota: async () => 0,
    now: Date.now,
  });
  const body = Buffer.from('{"type":"t"}');
  const signature = createHmac("sha256", "s").update(body).digest("hex");
  const request = new InboundRequest({ method: "POST", url: "/", rawHeaders: ["x-sig", signature], body });
  return { accepted, queried, answer: receiver.receive(NAME, request) };
}

test("does not query the dedupe hint for a delivery that need not wait", async () => {
  const { answer, queried, accepted } = receiving({ retrySpanS: 900 });
  expect(await answer).toMatchObject({ kind: "accepted", eventIds: ["new"] });
  expect([queried, accepted[0]?.digest]).toEqual([[], expect.stringMatching(/^[0-9a-f]{64}$/)]);
});

test("answers a duplicate from the dedupe hint while the acceptor is backlogged", async () => {
  const { answer, queried } = receiving({ retrySpanS: 900, backlogged: true });
  expect(await answer).toMatchObject({ kind: "duplicate", eventIds: ["earlier"] });
  expect(queried).toHaveLength(1);
});

test("writes no dedupe hint for a key that expires before the hint would", async () => {
  const { answer, accepted, queried } = receiving({ retrySpanS: SEEN_MS / 1_000 });
  expect(await answer).toMatchObject({ kind: "accepted" });
  expect([accepted[0]?.digest, queried]).toEqual([undefined, []]);
});
