import { describe, expect, test } from "vitest";
import { providerKeys, schemeWithSample } from "../../../../test/support/provider-keys.ts";
import { InboundRequest } from "../schemes/inbound-request.ts";
import { sampleDelivery } from "../schemes/sample-delivery.ts";
import type { Place } from "../schemes/scheme.ts";
import { createVerifier } from "../schemes/verify.ts";
import { PRESETS } from "./index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const URL = "https://hooks.example/api/v1/webhooks/shop/acme";
const SIGNING = [...PRESETS.keys()].filter((preset) => preset !== "none");
const TIMED = SIGNING.filter((preset) => schemeWithSample(preset).timestamp !== undefined);

/** A delivery of the preset as its provider signs it at a time, and how the preset's verifier judges it at another. */
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

describe.each(TIMED)("%s signs its time", (preset) => {
  test("and is taken to the last second of its window, either way, and not one second later", () => {
    const toleranceMs = (preset === "box" ? 600 : 300) * 1_000;
    const { judge, rawHeaders } = signedAt(preset, NOW_MS);
    const judged = [-1_000 - toleranceMs, -toleranceMs, 0, toleranceMs, toleranceMs + 1_000].map((offMs) =>
      judge(rawHeaders, NOW_MS + offMs),
    );
    expect(judged).toEqual(["timestamp_too_new", "authentic", "authentic", "authentic", "timestamp_too_old"]);
  });
});

test("the presets that sign a time are those whose providers do", () => {
  expect(TIMED.sort()).toEqual(
    [
      ...["box", "calendly", "discord", "hubspot", "linear", "mailgun", "paddle", "paypal", "sendgrid"],
      ...["slack", "standard-webhooks", "standard-webhooks-v1a", "stripe", "svix", "zendesk", "zoom"],
    ].sort(),
  );
});

describe.each(SIGNING)("%s", (preset) => {
  test("is refused when a header that proves or names the delivery comes twice, even with the same value", () => {
    const { scheme, headers, judge, rawHeaders } = signedAt(preset, NOW_MS);
    expect(judge(rawHeaders, NOW_MS)).toBe("authentic");
    const places = [
      ...(scheme.signature?.from ?? []),
      ...(scheme.timestamp?.from ?? []),
      ...(scheme.delivery_id ?? []),
    ];
    const named = places.flatMap((place) =>
      "header" in place ? [(place as Place & { header: string }).header] : [],
    );
    for (const name of new Set(named)) {
      const value = headers[name];
      if (value === undefined) continue;
      for (const again of [name, name.toUpperCase()])
        expect([name, judge([...rawHeaders, again, value], NOW_MS)]).toEqual([name, "header_repeated"]);
    }
  });

  test("is refused, with nothing hashed, when its signatures are too long or too many", () => {
    const { scheme, headers, judge } = signedAt(preset, NOW_MS);
    for (const place of scheme.signature?.from ?? []) {
      if (!("header" in place) || headers[place.header] === undefined) continue;
      const swapped = (value: string) => Object.entries({ ...headers, [place.header]: value }).flat();
      const long = `${place.prefix ?? ""}${"a".repeat(4_097)}`;
      expect(judge(swapped(long), NOW_MS)).toBe("signature_too_long");
      if (place.separator === undefined) continue;
      const many = Array.from({ length: 17 }, () => `${place.prefix ?? ""}aa`).join(place.separator);
      expect(judge(swapped(many), NOW_MS)).toBe("signatures_too_many");
    }
  });
});
