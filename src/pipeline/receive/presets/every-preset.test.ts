import { describe, expect, test } from "vitest";
import { providerKeys, schemeWithSample } from "../../../../test/support/provider-keys.ts";
import { readDelivery } from "../delivery.ts";
import { eventsOfEndpoint } from "../endpoint-events.ts";
import { InboundRequest } from "../schemes/inbound-request.ts";
import { sampleDelivery } from "../schemes/sample-delivery.ts";
import type { Selector } from "../schemes/scheme.ts";
import { selectedValues } from "../schemes/selector.ts";
import { createVerifier } from "../schemes/verify.ts";
import { PRESETS, presetScheme } from "./index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const URL = "https://hooks.example/api/v1/webhooks/shop/acme";
const SIGNING = [...PRESETS.keys()].filter((preset) => preset !== "none");
const TIMED = SIGNING.filter((preset) => schemeWithSample(preset).timestamp !== undefined);

/** How old a delivery of a provider that does not sign its retries again may be. */
const KEPT_TIMES_MS: Record<string, number> = { linear: 8 * 3_600_000, mailgun: 9 * 3_600_000 };

/** Signs a delivery of the preset at one time and returns a function that verifies it at another. */
function signedAt(preset: string, sentMs: number) {
  const scheme = schemeWithSample(preset);
  const keys = providerKeys(preset);
  const verify = createVerifier(scheme, [{ value: keys.secret }]);
  const { headers, body } = sampleDelivery({
    scheme,
    sample: PRESETS.get(preset)?.sample ?? { body: {} },
    id: "id-1",
    type: "thing.made",
    secret: keys.signingSecret,
    url: URL,
    nowMs: sentMs,
  });
  const judge = (rawHeaders: string[], nowMs: number, bytes = body) => {
    const verdict = verify(new InboundRequest({ method: "POST", url: URL, rawHeaders, body: bytes }), nowMs);
    return verdict.kind === "authentic" ? "authentic" : verdict.reason;
  };
  return { scheme, headers, body, judge, rawHeaders: Object.entries(headers).flat() };
}

/** Returns the first item of a Microsoft Graph batch. */
function sentItem(body: Buffer): unknown {
  return JSON.parse(body.toString()).value?.[0];
}

describe.each(TIMED)("preset %s", (preset) => {
  test(`accepts signed times up to the tolerance in both directions, to the second: ${preset}`, () => {
    const aheadMs = (preset === "box" ? 600 : 300) * 1_000;
    const pastMs = KEPT_TIMES_MS[preset] ?? aheadMs;
    const { judge, rawHeaders } = signedAt(preset, NOW_MS);
    const judged = [-1_000 - aheadMs, -aheadMs, 0, pastMs, pastMs + 1_000].map((offMs) =>
      judge(rawHeaders, NOW_MS + offMs),
    );
    expect(judged).toEqual(["timestamp_too_new", "authentic", "authentic", "authentic", "timestamp_too_old"]);
  });
});

test.each(Object.keys(KEPT_TIMES_MS))(
  "takes a retry of %s with the first time, and no replay of it",
  (preset) => {
    const { scheme, headers, body, judge, rawHeaders } = signedAt(preset, NOW_MS);
    for (const afterMs of [60_000, 3_660_000, 25_260_000])
      expect([afterMs, judge(rawHeaders, NOW_MS + afterMs)]).toEqual([afterMs, "authentic"]);

    const keysUnder = (changes: Record<string, string>, params = {}) => {
      const named = Object.entries({ ...headers, ...changes }).flat();
      const request = new InboundRequest({ method: "POST", url: URL, rawHeaders: named, body });
      return readDelivery(presetScheme(preset, params), request).events.flatMap(({ keys }) => keys);
    };
    // A replay can change or drop every header that is not signed.
    const replays = ["another", ""].map((id) => ({ "linear-delivery": id }));
    const cases = [{}, { equal_bodies: "event" }].flatMap((params) =>
      replays.map((replay) => ({ params, replay })),
    );
    for (const { params, replay } of cases) {
      const first = keysUnder({}, params);
      const replayed = keysUnder(replay, params);
      const shared = first.filter(({ key }) => replayed.some((other) => other.key === key));
      const acceptedMs = scheme.retry_span_s * 1_000 + 300_000;
      expect(Math.max(...shared.map(({ windowMs }) => windowMs))).toBeGreaterThan(acceptedMs);
    }
    const strict = createVerifier(presetScheme(preset, { freshness: "strict" }), [
      { value: providerKeys(preset).secret },
    ]);
    const request = new InboundRequest({ method: "POST", url: URL, rawHeaders, body });
    expect(strict(request, NOW_MS + 300_000).kind).toBe("authentic");
    expect(strict(request, NOW_MS + 301_000)).toEqual({ kind: "rejected", reason: "timestamp_too_old" });
  },
);

test("knows which presets sign a time", () => {
  expect(TIMED.sort()).toEqual(
    [
      "box",
      "calendly",
      "discord",
      "hubspot",
      "linear",
      "mailgun",
      "paddle",
      "paypal",
      "sendgrid",
      "slack",
      "standard-webhooks",
      "standard-webhooks-v1a",
      "stripe",
      "svix",
      "zendesk",
      "zoom",
    ].sort(),
  );
});

describe.each(SIGNING)("preset %s", (preset) => {
  test(`refuses a repeated header that proves or names the delivery, even with an equal value: ${preset}`, () => {
    const { scheme, headers, judge, rawHeaders } = signedAt(preset, NOW_MS);
    expect(judge(rawHeaders, NOW_MS)).toBe("authentic");
    const selectors = [
      ...(scheme.signature?.from ?? []),
      ...(scheme.timestamp?.from ?? []),
      ...(scheme.delivery_id ?? []),
    ];
    const named = selectors.flatMap((selector) =>
      "header" in selector ? [(selector as Selector & { header: string }).header] : [],
    );
    for (const name of new Set(named)) {
      const value = headers[name];
      if (value === undefined) continue;
      for (const again of [name, name.toUpperCase()])
        expect([name, judge([...rawHeaders, again, value], NOW_MS)]).toEqual([name, "header_repeated"]);
    }
  });

  test(`stores neither the signature nor the secret of a delivery: ${preset}`, () => {
    const { scheme, headers, body, rawHeaders } = signedAt(preset, NOW_MS);
    const request = new InboundRequest({ method: "POST", url: URL, rawHeaders, body });
    const { events } = eventsOfEndpoint(
      {
        name: { tenantId: "acme", connector: "shop", endpoint: "default" },
        counter: 1,
        scheme,
        verify: () => ({ kind: "authentic" }),
        hmacHex: () => undefined,
        closed: undefined,
        decryptionError: undefined,
        pending: false,
        account: undefined,
        tenant: undefined,
      },
      request,
      { delivery: readDelivery(scheme, request) },
    );
    expect(events).toHaveLength(1);
    const stored = JSON.stringify(events.map((event) => [event.headers, event.payload.toString()]));
    const proofs = (scheme.signature?.from ?? []).flatMap((selector) =>
      "header" in selector
        ? (headers[selector.header] ?? [])
        : selectedValues(selector, request, sentItem(body)),
    );
    expect(proofs.length).toBeGreaterThan(0);
    for (const proof of proofs) expect(stored).not.toContain(proof);
    expect(stored).not.toContain("old-verification-token");
  });

  test(`refuses signatures that are too long or too many: ${preset}`, () => {
    const { scheme, headers, judge } = signedAt(preset, NOW_MS);
    for (const selector of scheme.signature?.from ?? []) {
      if (!("header" in selector) || headers[selector.header] === undefined) continue;
      const swapped = (value: string) => Object.entries({ ...headers, [selector.header]: value }).flat();
      const long = `${selector.prefix ?? ""}${"a".repeat(4_097)}`;
      expect(judge(swapped(long), NOW_MS)).toBe("signature_too_long");
      if (selector.separator === undefined) continue;
      const many = Array.from({ length: 17 }, () => `${selector.prefix ?? ""}aa`).join(selector.separator);
      expect(judge(swapped(many), NOW_MS)).toBe("signatures_too_many");
    }
  });
});
