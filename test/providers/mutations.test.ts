import { expect, test } from "vitest";
import { readDelivery } from "../../src/pipeline/receive/delivery.ts";
import type { KnownEndpoint } from "../../src/pipeline/receive/endpoint-cache.ts";
import { eventsOfEndpoint } from "../../src/pipeline/receive/endpoint-events.ts";
import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import { InboundRequest } from "../../src/pipeline/receive/schemes/inbound-request.ts";
import { judge } from "../../src/pipeline/receive/schemes/judge.ts";
import { createVerifier } from "../../src/pipeline/receive/schemes/verify.ts";
import { createSigner } from "../../src/pipeline/receive/schemes/verify-key.ts";
import { mutate, seededRandom, type WireDelivery } from "../support/mutate.ts";
import { providerKeys, schemeWithSample } from "../support/provider-keys.ts";
import { signedSample } from "../support/receiving.ts";
import { unsignedParts } from "../support/unsigned-parts.ts";

/** Mutations of each preset's delivery, verified and read like a request, without network and stores. */
const MUTATIONS = 10_000;
const SEED = 20_261_126;
const URL = "https://hooks.example/api/v1/webhooks/shop/acme";

/** An endpoint as the receiver sees it, and a delivery signed by its provider. */
function endpointOf(preset: string, nowMs: number): { endpoint: KnownEndpoint; original: WireDelivery } {
  const scheme = schemeWithSample(preset);
  const keys = providerKeys(preset);
  const signer = createSigner(scheme, keys.secret);
  const { headers, body } = signedSample(preset, URL, { keys, nowMs });
  const endpoint: KnownEndpoint = {
    counter: 1,
    name: { tenantId: "acme", connector: "shop", endpoint: "default" },
    scheme,
    verify: createVerifier(scheme, [{ value: keys.secret }]),
    hmacHex: (_secretIndex, text) => signer?.([Buffer.from(text)]).toString("hex"),
    closed: undefined,
    decryptionError: undefined,
    pending: false,
    account: undefined,
    tenant: { eventsPerSecond: undefined, maxBacklog: undefined },
  };
  return { endpoint, original: { headers: Object.entries(headers), body, query: "" } };
}

function isSame(left: WireDelivery, right: WireDelivery): boolean {
  return (
    left.query === right.query &&
    left.body.equals(right.body) &&
    JSON.stringify(left.headers) === JSON.stringify(right.headers)
  );
}

test("ten thousand mutations of each preset's delivery never throw, and pass only in unsigned parts", {
  timeout: 300_000,
}, () => {
  const nowMs = Date.UTC(2026, 10, 26, 12);
  const random = seededRandom(SEED);
  const total = { rejected: 0, delivery: 0, challenge: 0 };
  for (const preset of PRESETS.keys()) {
    const { endpoint, original } = endpointOf(preset, nowMs);
    const mayBeTaken = preset === "none" ? undefined : unsignedParts(preset);
    for (let left = MUTATIONS; left > 0; left -= 1) {
      const altered = mutate(original, random);
      const { headers, body, query, part } = altered;
      const rawHeaders = headers.flat();
      const request = new InboundRequest({ method: "POST", url: `${URL}${query}`, rawHeaders, body });
      const judgement = judge(endpoint, request, nowMs);
      if (judgement.kind === "method_not_allowed" || judgement.kind === "undecryptable")
        throw new Error(`${preset} takes no POST`);
      total[judgement.kind] += 1;
      if (judgement.kind === "rejected" || isSame(altered, original)) continue;
      if (mayBeTaken?.has(part) === false) expect([preset, part, headers]).toEqual([preset, "unsigned", []]);
      const delivery = readDelivery(endpoint.scheme, request);
      for (const { keys } of eventsOfEndpoint(endpoint, request, { delivery }).events)
        if (!keys.every(({ key }) => /^[\x21-\x7e]{1,200}$/.test(key))) throw new Error(`a key of ${preset}`);
    }
  }
  console.info(`mutations: ${MUTATIONS} of each of ${PRESETS.size} presets: ${JSON.stringify(total)}`);
  expect(total.rejected).toBeGreaterThan(total.delivery + total.challenge);
});
