import { createHmac } from "node:crypto";
import { Webhook } from "standardwebhooks";
import { expect, test } from "vitest";
import { InboundRequest } from "../../schemes/inbound-request.ts";
import { createVerifier, type RejectionReason, type Verdict } from "../../schemes/verify.ts";
import { presetScheme } from "../index.ts";

const NOW_MS = Date.UTC(2026, 10, 23, 12);
const NOW_S = NOW_MS / 1000;

function request(body: string | Buffer, headers: Record<string, string> | string[]) {
  const rawHeaders = Array.isArray(headers) ? headers : Object.entries(headers).flat();
  return new InboundRequest({
    method: "POST",
    url: "https://hooks.example/in",
    rawHeaders,
    body: Buffer.from(body),
  });
}

function rejected(reason: RejectionReason): Verdict {
  return { kind: "rejected", reason };
}

function hmacOf(content: string | Buffer) {
  return createHmac("sha256", Buffer.from(SECRET.slice(6), "base64"))
    .update(content)
    .digest("base64");
}

const SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
const BODY = '{"type":"order.paid","data":{"note":"é $& $$"}}';
const verdictOf = (
  headers: Record<string, string> | string[],
  body: string | Buffer = BODY,
  nowMs = NOW_MS,
) =>
  createVerifier(presetScheme("standard-webhooks", {}), [{ value: SECRET }])(request(body, headers), nowMs);

function signed(changes: { id?: string; timestampS?: number; body?: string; secret?: string } = {}) {
  const { id = "msg_1", timestampS = NOW_S, body = BODY, secret = SECRET } = changes;
  const signature = new Webhook(secret).sign(id, new Date(timestampS * 1000), body);
  return { "webhook-id": id, "webhook-timestamp": String(timestampS), "webhook-signature": signature };
}

test("accepts a signature of the Standard Webhooks SDK and reports its time and secret", () => {
  expect(verdictOf(signed())).toEqual({ kind: "authentic", secretIndex: 0, timestampMs: NOW_MS });
});

test("accepts the example that the Standard Webhooks SDK publishes", () => {
  const headers = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
  };
  const verdict = verdictOf(headers, '{"test": 2432232314}', 1_614_265_330_000);
  expect(verdict).toEqual({ kind: "authentic", secretIndex: 0, timestampMs: 1_614_265_330_000 });
});

test("finds signature headers in any case among others", () => {
  const { "webhook-id": id, "webhook-timestamp": time, "webhook-signature": signature } = signed();
  const headers = [
    "Host",
    "x",
    "Webhook-Id",
    id,
    "WEBHOOK-TIMESTAMP",
    time,
    "webhook-Signature",
    signature,
    "a",
    "b",
  ];
  expect(verdictOf(headers).kind).toBe("authentic");
});

test.each([
  [-300, "authentic"],
  [300, "authentic"],
  [-301, "timestamp_too_old"],
  [301, "timestamp_too_new"],
])("judges a delivery signed %i s from now as %s", (offsetS, expected) => {
  const verdict = verdictOf(signed({ timestampS: NOW_S + offsetS }));
  expect(verdict.kind === "rejected" ? verdict.reason : verdict.kind).toBe(expected);
});

test("checks the signature before the age", () => {
  expect(verdictOf(signed({ timestampS: NOW_S - 9_999, secret: "whsec_AAAA" }))).toEqual(
    rejected("signature_mismatch"),
  );
});

test("verifies the exact bytes: a byte order mark, U+FFFD or reformatting is a mismatch", () => {
  const original = Buffer.from('{"amount":12.50,"x":"\ufffd"}');
  const headers = signed({ body: original.toString() });
  expect(verdictOf(headers, original).kind).toBe("authentic");
  const swapped = Buffer.from(original.toString("latin1").replace("ï¿½", "ÿ"), "latin1");
  for (const body of [`\ufeff${original}`, swapped, '{"amount":12.5,"x":"\ufffd"}', `${original}\n`]) {
    expect(verdictOf(headers, body)).toEqual(rejected("signature_mismatch"));
  }
});

test("accepts signed bodies that are not text", () => {
  const body = Buffer.from([0xff, 0x00, 0xfe]);
  const content = Buffer.concat([Buffer.from(`msg_1.${NOW_S}.`), body]);
  const signature = hmacOf(content);
  expect(verdictOf({ ...signed(), "webhook-signature": `v1,${signature}` }, body).kind).toBe("authentic");
});

test("accepts a delivery id of any bytes, signed as it was sent", () => {
  const content = Buffer.concat([Buffer.from("é\xe9", "latin1"), Buffer.from(`.${NOW_S}.${BODY}`)]);
  const signature = hmacOf(content);
  const headers = { ...signed(), "webhook-id": "é\xe9", "webhook-signature": `v1,${signature}` };
  expect(verdictOf(headers).kind).toBe("authentic");
});

test("tries every signature of the list and ignores other versions", () => {
  const good = signed()["webhook-signature"];
  const bad = signed({ secret: "whsec_AAAA" })["webhook-signature"];
  const list = (value: string) => verdictOf({ ...signed(), "webhook-signature": value });
  expect(list(`v1a,xyz ${bad} ${good}`).kind).toBe("authentic");
  expect(list(`v1,!! ${good}`).kind).toBe("authentic");
  expect(list(`${bad} ${bad}`)).toEqual(rejected("signature_mismatch"));
  expect(list(good.replace("v1,", "v2,"))).toEqual(rejected("signature_malformed"));
  expect(list(`${good},${good}`)).toEqual(rejected("signature_malformed"));
  expect(list("v1,")).toEqual(rejected("signature_malformed"));
});

test("bounds the length and number of signatures before it computes a hash", () => {
  const { "webhook-signature": good, ...rest } = signed();
  const withSignature = (signature: string) => verdictOf({ ...rest, "webhook-signature": signature });
  expect(withSignature(`${"v1,AAAA ".repeat(15)}${good}`).kind).toBe("authentic");
  expect(withSignature(`${"v1,AAAA ".repeat(16)}${good}`)).toEqual(rejected("signatures_too_many"));
  expect(withSignature(`${" ".repeat(4_096)}${good}`)).toEqual(rejected("signature_too_long"));
});

test.each(["webhook-signature", "webhook-timestamp", "webhook-id"])("refuses a second %s header", (name) => {
  const headers = signed();
  const second = [name.toUpperCase(), headers[name as keyof typeof headers]];
  expect(verdictOf([...Object.entries(headers).flat(), ...second])).toEqual(rejected("header_repeated"));
});

test.each([
  ["webhook-signature", "signature_missing"],
  ["webhook-timestamp", "timestamp_missing"],
  ["webhook-id", "id_missing"],
] as const)("refuses a delivery without %s", (name, reason) => {
  const { [name]: _, ...headers } = signed();
  expect(verdictOf(headers)).toEqual(rejected(reason));
  const expected = name === "webhook-signature" ? "signature_malformed" : reason;
  expect(verdictOf({ ...headers, [name]: "" })).toEqual(rejected(expected));
});

test("refuses a delivery whose time or id contains the delimiter of the signed content", () => {
  const headers = signed({ body: '{"a":1.5}' });
  expect(verdictOf(headers, '{"a":1.5}').kind).toBe("authentic");
  const inTime = { ...headers, "webhook-timestamp": `${NOW_S}.{"a":1` };
  expect(verdictOf(inTime, "5}")).toEqual(rejected("timestamp_malformed"));
  expect(verdictOf(signed({ id: "msg.1" }))).toEqual(rejected("id_malformed"));
});

test.each([`${NOW_S}abc`, ` ${NOW_S}`, `0${NOW_S}`, `${NOW_S}.0`, `+${NOW_S}`, "1e9", "-1", "0x10", "NaN"])(
  "refuses the signed timestamp %j",
  (timestamp) => {
    const content = `msg_1.${timestamp}.${BODY}`;
    const signature = `v1,${hmacOf(content)}`;
    const headers = { "webhook-id": "msg_1", "webhook-timestamp": timestamp, "webhook-signature": signature };
    expect(verdictOf(headers)).toEqual(rejected("timestamp_malformed"));
  },
);

test.each(["my secret", "topsecret", "x"])("reads the secret %j as the SDK does, or as text", (secret) => {
  const key = /^topsecret$/.test(secret) ? new Webhook(secret) : new Webhook(secret, { format: "raw" });
  const headers = { ...signed(), "webhook-signature": key.sign("msg_1", new Date(NOW_MS), BODY) };
  const verify = createVerifier(presetScheme("standard-webhooks", {}), [{ value: secret }]);
  expect(verify(request(BODY, headers), NOW_MS).kind).toBe("authentic");
});
