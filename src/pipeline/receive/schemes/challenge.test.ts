import { expect, test } from "vitest";
import { answerSignedChallenge, answerUnsignedChallenge } from "./challenge.ts";
import { checkScheme } from "./check-scheme.ts";
import { InboundRequest } from "./inbound-request.ts";

function scheme(challenge: object) {
  return checkScheme({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-sig" }], encoding: "hex" },
    content: ["body"],
    type: { from: [{ body: "/type" }] },
    challenges: [challenge],
  });
}

function asking(token: unknown) {
  return new InboundRequest({
    method: "POST",
    url: "https://hooks.example/in",
    rawHeaders: ["content-type", "application/json"],
    body: Buffer.from(JSON.stringify({ token })),
  });
}

test.each(["a\r\nset-cookie: x=1", "\u0000", "✓", "x".repeat(4_097)])(
  "echoes no token in a header that is invalid there or too long: %j",
  (token) => {
    const echo = scheme({
      when: [{ at: { body: "/token" } }],
      proof: "none",
      answer: { status: 200, headers: { "x-token": { body: "/token" } } },
    });
    expect(answerUnsignedChallenge(echo, asking(token), false)).toBeUndefined();
    expect(answerUnsignedChallenge(echo, asking("right"), false)?.headers).toEqual({ "x-token": "right" });
  },
);

test("captures a secret only for an endpoint without one, and never from a signed handshake", () => {
  const capture = scheme({
    when: [{ at: { body: "/token" } }],
    proof: "pending",
    capture: { from: { body: "/token" } },
    answer: { status: 200 },
  });
  expect(answerUnsignedChallenge(capture, asking("s"), true)?.capture).toEqual({ value: "s", show: false });
  expect(answerUnsignedChallenge(capture, asking("s"), false)).toBeUndefined();
  expect(answerSignedChallenge(capture, asking("s"), () => "")).toBeUndefined();
});

test("compares a handshake token as a whole and refuses a missing one", () => {
  const withToken = scheme({
    when: [{ at: { body: "/token" } }],
    proof: { token: { query: "verify" }, equals: "mine" },
    answer: { status: 200, text: { body: "/token" } },
  });
  const request = (query: string) => {
    const { method, rawHeaders, body } = asking("echo");
    return new InboundRequest({ method, rawHeaders, body, url: `https://hooks.example/in${query}` });
  };
  expect(answerUnsignedChallenge(withToken, request("?verify=mine"), false)?.body).toBe("echo");
  for (const query of ["", "?verify=", "?verify=min", "?verify=mine2", "?verify=MINE"])
    expect(answerUnsignedChallenge(withToken, request(query), false)).toBeUndefined();
});
