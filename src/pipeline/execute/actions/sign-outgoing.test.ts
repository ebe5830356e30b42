import { Webhook } from "standardwebhooks";
import { describe, expect, test } from "vitest";
import { finish } from "../../../domain/slices.ts";
import { signOutgoing } from "./sign-outgoing.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;
const nowMs = Date.now();

describe("signOutgoing", () => {
  test("signs requests that the reference library of Standard Webhooks verifies", () => {
    const body = Buffer.from('{"name":"Zoë"}');
    const headers = finish(signOutgoing({ id: "run-1", nowMs, body, secrets: [secret] }));
    expect(headers["webhook-timestamp"]).toBe(String(Math.floor(nowMs / 1_000)));
    expect(new Webhook(secret).verify(body, headers)).toEqual({ name: "Zoë" });
    const other = new Webhook(Buffer.alloc(32, 8).toString("base64"));
    expect(() => other.verify(body, headers)).toThrow("No matching signature");
    expect(() => new Webhook(secret).verify('{"name":"Zoe"}', headers)).toThrow("No matching signature");
  });

  test("signs with each of two secrets, and either verifies", () => {
    const former = `whsec_${Buffer.alloc(32, 9).toString("base64")}`;
    const body = Buffer.from('{"n":1}');
    const headers = finish(signOutgoing({ id: "run-1", nowMs, body, secrets: [secret, former] }));
    for (const known of [secret, former]) expect(new Webhook(known).verify(body, headers)).toEqual({ n: 1 });
  });

  test("signs an empty body with a secret without prefix", () => {
    const bare = secret.slice("whsec_".length);
    const headers = finish(signOutgoing({ id: "run-1", nowMs, body: Buffer.alloc(0), secrets: [bare] }));
    expect(new Webhook(secret).verify("", headers)).toBeUndefined();
  });
});
