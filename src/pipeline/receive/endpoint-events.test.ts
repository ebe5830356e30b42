import { describe, expect, test } from "vitest";
import { finish } from "../../domain/slices.ts";
import { DeferredWork } from "./deferred-work.ts";
import { readDelivery } from "./delivery.ts";
import type { KnownEndpoint } from "./endpoint-cache.ts";
import { eventsOfEndpoint } from "./endpoint-events.ts";
import { presetScheme } from "./presets/index.ts";
import { checkScheme } from "./schemes/check-scheme.ts";
import { InboundRequest } from "./schemes/inbound-request.ts";
import type { Scheme } from "./schemes/scheme.ts";
import { tokenPaths, withoutTokens } from "./token-paths.ts";

const FORM = "application/x-www-form-urlencoded";

/** Returns the events of a delivery, with the work on a long body done as the receiver does it. */
function eventsOf(scheme: Scheme, text: string, contentType = "application/json") {
  const rawHeaders = ["Content-Type", contentType];
  const request = new InboundRequest({ method: "POST", url: "/", rawHeaders, body: Buffer.from(text) });
  const endpoint: KnownEndpoint = {
    counter: 1,
    name: { tenantId: "acme", connector: "shop", endpoint: "default" },
    scheme,
    verify: () => ({ kind: "authentic" }),
    hmacHex: () => undefined,
    closed: undefined,
    decryptionError: undefined,
    pending: false,
    account: undefined,
    tenant: undefined,
  };
  for (;;) {
    try {
      const delivery = readDelivery(scheme, request);
      return eventsOfEndpoint(endpoint, request, { delivery }).events;
    } catch (error) {
      if (!(error instanceof DeferredWork)) throw error;
      finish(error.work({ pointers: "all" }));
    }
  }
}

function stored(...delivery: Parameters<typeof eventsOf>): string[] {
  return eventsOf(...delivery).map(({ payload }) => payload.toString());
}

describe("tokens in what is stored of a delivery", () => {
  const slack = presetScheme("slack", {});

  test("leaves the old token of Slack out of an event, and every other byte as it came", () => {
    const sent =
      '{\n "token": "XXYYZZ", "team_id":"T1", "event":{"type":"message","ts":"1.10", "token":"kept"}, "type":"event_callback", "event_id":"Ev1"}';
    const [event] = eventsOf(slack, sent);
    expect(event?.payload.toString()).toBe(sent.replace('"token": "XXYYZZ", ', ""));
    expect(event).toMatchObject({ type: "message", deliveryKey: expect.stringMatching(/^id-hash:/) });
  });

  test("leaves the old token of Slack out of the form of a command", () => {
    const sent = "token=gIkuvaNzQIHg97ATvDxqgjtO&team_id=T1&command=%2Fweather&text=9+4%20x&t%6Fken=again";
    const left = ["team_id=T1&command=%2Fweather&text=9+4%20x"];
    expect(stored(slack, sent, FORM)).toEqual(left);
    expect(stored(slack, sent, "text/plain")).toEqual(left);
  });

  test("leaves the old token of Slack out of the JSON in the form of an interaction", () => {
    const payload =
      '{"type":"block_actions","token":"Shh_its_a_seekrit","team":{"id":"T1"},"text":"a&b=ü +"}';
    const sent = `payload=${encodeURIComponent(payload).replaceAll("%20", "+")}`;
    const left = payload.replace('"token":"Shh_its_a_seekrit",', "");
    expect(stored(slack, sent, FORM)).toEqual([`payload=${encodeURIComponent(left).replaceAll("%20", "+")}`]);
  });

  test("keeps deliveries apart that differ only in the token that is left out", () => {
    const keyOf = (token: string) =>
      eventsOf(slack, `{"token":"${token}","type":"x"}`).map(({ deliveryKey }) => deliveryKey);
    expect(keyOf("a")).not.toEqual(keyOf("b"));
    expect(stored(slack, '{"token":"a","type":"x"}')).toEqual(stored(slack, '{"token":"b","type":"x"}'));
  });

  test("leaves the clientState out of every notification of Microsoft Graph", () => {
    const item = { subscriptionId: "s1", changeType: "updated", clientState: "SecretState", resource: "r" };
    const body = JSON.stringify({ value: [item, item], validationTokens: ["eyJ0"] });
    const { clientState: _left, ...others } = item;
    expect(stored(presetScheme("ms-graph", {}), body)).toEqual([
      JSON.stringify(others),
      JSON.stringify(others),
    ]);
  });

  test("leaves tokens beside the list of a batch out of an item that has them too", () => {
    const item = Buffer.from('{"clientState":"s","changeType":"updated","validationTokens":["eyJ0"]}');
    const { item: paths } = tokenPaths(presetScheme("ms-graph", {}));
    expect(finish(withoutTokens(item, paths)).toString()).toBe('{"changeType":"updated"}');
  });

  test("leaves the signatures of Mailgun out, and keeps its token, which names the delivery", () => {
    const sent =
      '{"signature":{"timestamp":"1","token":"t","signature":"ab","parent-signature":"cd"},"event-data":{"event":"opened"}}';
    const [event] = eventsOf(presetScheme("mailgun", {}), sent);
    expect(event?.payload.toString()).toBe(
      '{"signature":{"timestamp":"1","token":"t"},"event-data":{"event":"opened"}}',
    );
    expect(event?.deliveryKey).toContain("id:t");
  });

  test("leaves the tokens of a multipart form out, in fields and in their JSON", () => {
    const scheme = checkScheme({
      algorithm: "hmac-sha256",
      signature: { from: [{ body: "/signature" }, { body: "/data/sig" }], encoding: "hex" },
      content: ["body"],
      type: { from: [{ literal: "t" }] },
      tokens: [{ body: "/token" }],
    });
    const part = (name: string, text: string, type = "text/plain") =>
      `--b\r\nContent-Disposition: form-data; name="${name}"\r\nContent-Type: ${type}\r\n\r\n${text}\r\n`;
    const form = (signature: string, token: string, sig: string) =>
      [
        part("empty", ""),
        part("signature", signature),
        part("id", "7"),
        part("token", token),
        part("data", `{${sig}"n":1}`, "application/json"),
        "--b--\r\n",
      ].join("");
    const sent = form("abc", "s3cret", '"sig":"def",');
    expect(stored(scheme, sent, "multipart/form-data; boundary=b")).toEqual([form("", "", "")]);
  });

  test("leaves the token of Notion's handshake out, should one become an event", () => {
    const sent = '{"type":"page.created","verification_token":"secret_tMr"}';
    expect(stored(presetScheme("notion", {}), sent)).toEqual(['{"type":"page.created"}']);
  });

  test("leaves the tokens of a long body out, alone and in a batch", () => {
    const text = "x".repeat(1_100_000);
    expect(stored(slack, `{"token":"s","text":"${text}","type":"t"}`)).toEqual([
      `{"text":"${text}","type":"t"}`,
    ]);
    const body = JSON.stringify({ value: [{ clientState: "s", text }, { clientState: "s" }] });
    expect(stored(presetScheme("ms-graph", {}), body)).toEqual([JSON.stringify({ text }), "{}"]);
  });

  test("leaves tokens of items out of a body whose items cannot be read", () => {
    const scheme = checkScheme({
      algorithm: "hmac-sha256",
      signature: { from: [{ header: "x-sig" }], encoding: "hex" },
      content: ["body"],
      items: ["/items"],
      tokens: [{ item: "/key" }, { body: "/app/key" }],
      type: { from: [{ item: "/type" }] },
    });
    const sent = '{"items":[{"key":"s","type":"t"}],"app":{"key":"s","id":1},}';
    expect(stored(scheme, sent)).toEqual(['{"items":[{"type":"t"}],"app":{"id":1},}']);
  });

  test("refuses tokens in items of a scheme without batches", () => {
    const scheme = { algorithm: "none", tokens: [{ item: "/key" }], type: { from: [{ body: "/type" }] } };
    expect(() => checkScheme(scheme)).toThrow("scheme.items is missing, but a selector reads an item");
  });
});
