import { createHmac } from "node:crypto";
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

function hmac(secret: string, content: string) {
  return createHmac("sha256", secret).update(content).digest();
}

test.each([
  [{ encoding: "hex" }, hmac("s", "{}").toString("hex")],
  [{ encoding: "hex" }, hmac("s", "{}").toString("hex").toUpperCase()],
  [{ encoding: "base64" }, hmac("s", "{}").toString("base64")],
  [{ prefix: "sig=" }, `sig=${hmac("s", "{}").toString("hex")}`],
])("verifies hmac-sha256 signatures with params %j: %s", (params, signature) => {
  const verify = createVerifier(presetScheme("hmac-sha256", { header: "X-Sig", ...params }), [
    { value: "s" },
  ]);
  expect(verify(request("{}", { "x-sig": signature }), NOW_MS).kind).toBe("authentic");
});

test.each([
  ["s", String(NOW_S)],
  ["ms", String(NOW_MS)],
  ["rfc3339", "2026-11-23T13:00:00.000+01:00"],
])("verifies <timestamp>.<body> if a timestamp header is configured, in %s", (timestamp_unit, timestamp) => {
  const scheme = presetScheme("hmac-sha256", { timestamp_header: "X-Time", timestamp_unit });
  const signature = hmac("s", `${timestamp}.{}`).toString("hex");
  const verify = createVerifier(scheme, [{ value: "s" }]);
  const signed = request("{}", { "x-signature-256": signature, "x-time": timestamp });
  expect(verify(signed, NOW_MS)).toEqual({ kind: "authentic", secretIndex: 0, timestampMs: NOW_MS });
  expect(verify(signed, NOW_MS + 300_999).kind).toBe("authentic");
  expect(verify(signed, NOW_MS + 301_000)).toEqual(rejected("timestamp_too_old"));
  expect(verify(signed, NOW_MS - 300_000).kind).toBe("authentic");
  expect(verify(signed, NOW_MS - 300_001)).toEqual(rejected("timestamp_too_new"));
  expect(verify(request("{}", { "x-signature-256": signature }), NOW_MS)).toEqual(
    rejected("timestamp_missing"),
  );
});

test("refuses base64 signatures that are not canonical", () => {
  const verify = createVerifier(presetScheme("hmac-sha256", { encoding: "base64" }), [{ value: "s" }]);
  const canonical = hmac("s", "{}").toString("base64");
  const last = canonical.at(-2) as string;
  const sameBits = String.fromCharCode(last.charCodeAt(0) + 1);
  const variants = [
    canonical.slice(0, -1),
    `${canonical}=`,
    canonical.replace(/.=$/, `${sameBits}=`),
    `\n${canonical}`,
  ];
  expect(Buffer.from(variants[2] as string, "base64")).toEqual(Buffer.from(canonical, "base64"));
  for (const variant of [...variants, canonical.replaceAll("/", "_").replaceAll("+", "-").slice(0, -1)]) {
    expect(verify(request("{}", { "x-signature-256": variant }), NOW_MS)).toEqual(
      rejected("signature_malformed"),
    );
  }
});
