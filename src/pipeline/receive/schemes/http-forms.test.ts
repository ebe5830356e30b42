import { createHmac } from "node:crypto";
import { expect, test } from "vitest";
import { readDelivery } from "../delivery.ts";
import { presetScheme } from "../presets/index.ts";
import { answerUnsignedChallenge } from "./challenge.ts";
import { InboundRequest } from "./inbound-request.ts";
import { createVerifier } from "./verify.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);

function post(headers: Record<string, string>, body = "{}") {
  const rawHeaders = Object.entries(headers).flat();
  return new InboundRequest({
    method: "POST",
    url: "https://hooks.example/in",
    rawHeaders,
    body: Buffer.from(body),
  });
}

test.each([
  "application/x-www-form-urlencoded",
  "application/x-www-form-urlencoded; charset=UTF-8",
  "application/x-www-form-urlencoded;charset=utf-8",
  "Application/X-WWW-Form-Urlencoded ; charset=utf-8",
])("answers the ping of WooCommerce under the content type %j", (contentType) => {
  const ping = post({ "content-type": contentType }, "webhook_id=123");
  const answer = answerUnsignedChallenge(presetScheme("woocommerce", {}), ping, false);
  expect(answer?.status).toBe(200);
});

test.each(["application/json; charset=utf-8", "application/x-www-form-urlencodedx", "text/plain"])(
  "takes no ping of WooCommerce under the content type %j",
  (contentType) => {
    const ping = post({ "content-type": contentType }, '{"webhook_id":1}');
    expect(answerUnsignedChallenge(presetScheme("woocommerce", {}), ping, false)).toBeUndefined();
  },
);

test.each([
  ["basic", {}, "user:password", "Basic dXNlcjpwYXNzd29yZA=="],
  ["basic", {}, "user:password", "basic dXNlcjpwYXNzd29yZA=="],
  ["basic", {}, "user:password", "BASIC dXNlcjpwYXNzd29yZA=="],
  ["token", { header: "Authorization", prefix: "Bearer " }, "s3cret", "Bearer s3cret"],
  ["token", { header: "Authorization", prefix: "Bearer " }, "s3cret", "bearer s3cret"],
  ["token", { header: "Authorization", prefix: "bearer " }, "s3cret", "BEARER s3cret"],
  ["token", { header: "Authorization", prefix: "Token " }, "s3cret", "token s3cret"],
])("verifies %s with params %j and secret %s from the header %j", (preset, params, value, authorization) => {
  const verify = createVerifier(presetScheme(preset, params), [{ value }]);
  expect(verify(post({ authorization }), NOW_MS).kind).toBe("authentic");
});

test.each([["Bearer S3CRET"], ["Digest s3cret"], ["Bearers3cret"], ["s3cret"]])(
  "refuses the header %j for the bearer token s3cret: only the scheme's case is free",
  (authorization) => {
    const scheme = presetScheme("token", { header: "Authorization", prefix: "Bearer " });
    expect(createVerifier(scheme, [{ value: "s3cret" }])(post({ authorization }), NOW_MS).kind).toBe(
      "rejected",
    );
  },
);

test("keeps the case of a prefix that names no authentication scheme", () => {
  const signature = createHmac("sha256", "s").update("{}").digest("hex");
  const verify = createVerifier(presetScheme("github", {}), [{ value: "s" }]);
  expect(verify(post({ "x-hub-signature-256": `sha256=${signature}` }), NOW_MS).kind).toBe("authentic");
  expect(verify(post({ "x-hub-signature-256": `SHA256=${signature}` }), NOW_MS).kind).toBe("rejected");
});

test.each([
  ["stripe", "stripe-signature", (time: string, sig: string) => `t=${time}, v1=${sig}`, "."],
  ["paddle", "paddle-signature", (time: string, sig: string) => `ts=${time}; h1=${sig}`, ":"],
  ["calendly", "calendly-webhook-signature", (time: string, sig: string) => `t=${time} ,\tv1=${sig}`, "."],
] as const)(
  "verifies the list of %s in %s with blanks around its elements",
  (preset, header, list, between) => {
    const time = String(NOW_MS / 1_000);
    const signature = createHmac("sha256", "s").update(`${time}${between}{}`).digest("hex");
    const verify = createVerifier(presetScheme(preset, {}), [{ value: "s" }]);
    expect(verify(post({ [header]: list(time, signature) }), NOW_MS).kind).toBe("authentic");
  },
);

test.each(["https://shop.example", "https://shop.example/", "https://shop.example//"])(
  "reads the account of WooCommerce %j without the slash at its end",
  (source) => {
    const delivery = post({ "content-type": "application/json", "x-wc-webhook-source": source });
    const [event] = readDelivery(presetScheme("woocommerce", {}), delivery).events;
    expect(event?.account).toBe("https://shop.example");
  },
);

test("keeps the slash of an account that is no URL", () => {
  const delivery = post({ "content-type": "application/json" }, '{"team_id":"T1/"}');
  expect(readDelivery(presetScheme("slack", {}), delivery).events[0]?.account).toBe("T1/");
});
