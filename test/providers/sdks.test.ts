import { signWebhookPayload } from "@notionhq/client";
import { sign as octokitSign } from "@octokit/webhooks-methods";
import { Webhook } from "standardwebhooks";
import Stripe from "stripe";
import nacl from "tweetnacl";
import twilio from "twilio";
import { beforeAll, expect, test } from "vitest";
import XHubSignature from "x-hub-signature";
import { builtProgram } from "../support/built.ts";
import { SECRET } from "../support/deliver.ts";
import type { HeadraceProcess } from "../support/process.ts";
import { acceptedOnce, connect, post, receiving } from "../support/receiving.ts";

beforeAll(builtProgram);

type Signed = { headers: Record<string, string>; body: string };

const JSON_TYPE = { "content-type": "application/json" };

function now(): number {
  return Math.floor(Date.now() / 1_000);
}

function hub(algorithm: string, body: string): Record<string, string> {
  return { ...JSON_TYPE, "x-hub-signature": new XHubSignature(algorithm, "secret").sign(body) };
}

function standard(prefix: string, body: string): Record<string, string> {
  const at = new Date();
  return {
    ...JSON_TYPE,
    [`${prefix}-id`]: "msg_1",
    [`${prefix}-timestamp`]: String(Math.floor(at.getTime() / 1_000)),
    [`${prefix}-signature`]: new Webhook(SECRET).sign("msg_1", at, body),
  };
}

/** An ed25519 key pair of tweetnacl, with the public key in the endpoint's form. */
function pair() {
  const { publicKey, secretKey } = nacl.sign.keyPair();
  return {
    publicKey: Buffer.from(publicKey),
    sign: (content: string) => Buffer.from(nacl.sign.detached(Buffer.from(content), secretKey)),
  };
}

const key = pair();
const TWILIO_FORM = { MessageStatus: "delivered", Body: "a=b&c é", To: "+15005550006", Media: "x" };

/** Signs with each provider's own library, for an endpoint's URL, with `secret` unless another is given. */
const SDKS: [
  library: string,
  preset: string,
  type: string,
  secret: string,
  signed: (url: string) => Signed | Promise<Signed>,
][] = [
  [
    "stripe",
    "stripe",
    "invoice.paid",
    "whsec_test",
    () => {
      const body = '{"id":"evt_1","type":"invoice.paid","data":{"object":{"total":12.50,"name":"é"}}}';
      const header = Stripe.webhooks.generateTestHeaderString({ payload: body, secret: "whsec_test" });
      return { headers: { ...JSON_TYPE, "stripe-signature": header }, body };
    },
  ],
  [
    "@octokit/webhooks-methods",
    "github",
    "push",
    "secret",
    async () => {
      const body = '{"ref":"refs/heads/main","zen":"ü"}';
      const headers = { ...JSON_TYPE, "x-github-event": "push", "x-github-delivery": "d1" };
      return { headers: { ...headers, "x-hub-signature-256": await octokitSign("secret", body) }, body };
    },
  ],
  [
    "standardwebhooks",
    "standard-webhooks",
    "a.b",
    SECRET,
    () => {
      const body = '{"type":"a.b","data":{}}';
      return { headers: standard("webhook", body), body };
    },
  ],
  [
    "standardwebhooks",
    "svix",
    "a.b",
    SECRET,
    () => {
      const body = '{"type":"a.b","data":{}}';
      return { headers: standard("svix", body), body };
    },
  ],
  [
    "standardwebhooks",
    "gitlab",
    "push",
    SECRET,
    () => {
      const body = '{"object_kind":"push"}';
      return { headers: standard("webhook", body), body };
    },
  ],
  [
    "twilio",
    "twilio",
    "delivered",
    "auth-token",
    (url) => {
      const signature = twilio.getExpectedTwilioSignature("auth-token", url, TWILIO_FORM);
      const headers = {
        "content-type": "application/x-www-form-urlencoded",
        "x-twilio-signature": signature,
      };
      return { headers, body: new URLSearchParams(TWILIO_FORM).toString() };
    },
  ],
  [
    "x-hub-signature",
    "jira",
    "jira:issue_created",
    "secret",
    () => {
      const body = '{"webhookEvent":"jira:issue_created"}';
      return { headers: hub("sha256", body), body };
    },
  ],
  [
    "x-hub-signature",
    "bitbucket",
    "repo:push",
    "secret",
    () => {
      const body = '{"push":{}}';
      return {
        headers: { ...hub("sha256", body), "x-event-key": "repo:push", "x-request-uuid": "u1" },
        body,
      };
    },
  ],
  [
    "x-hub-signature",
    "intercom",
    "user.created",
    "secret",
    () => {
      const body = '{"id":"notif_1","topic":"user.created"}';
      return { headers: hub("sha1", body), body };
    },
  ],
  [
    "x-hub-signature",
    "meta",
    "page.feed",
    "secret",
    () => {
      const body = '{"object":"page","entry":[{"id":"1","changes":[{"field":"feed"}],"text":"\\u00e9"}]}';
      const { "x-hub-signature": signature = "" } = hub("sha256", body);
      return { headers: { ...JSON_TYPE, "x-hub-signature-256": signature }, body };
    },
  ],
  [
    "@notionhq/client",
    "notion",
    "page.created",
    "secret_token",
    async () => {
      const body = '{"id":"e1","type":"page.created"}';
      const signature = await signWebhookPayload({ body, verificationToken: "secret_token" });
      return { headers: { ...JSON_TYPE, "x-notion-signature": signature }, body };
    },
  ],
  [
    "tweetnacl",
    "discord",
    "ENTITLEMENT_CREATE",
    key.publicKey.toString("hex"),
    () => {
      const body = '{"type":1,"event":{"type":"ENTITLEMENT_CREATE"}}';
      const time = String(now());
      const signature = key.sign(time + body).toString("hex");
      return {
        headers: { "x-signature-timestamp": time, "x-signature-ed25519": signature, ...JSON_TYPE },
        body,
      };
    },
  ],
  [
    "tweetnacl",
    "standard-webhooks-v1a",
    "a.b",
    `whpk_${key.publicKey.toString("base64")}`,
    () => {
      const body = '{"type":"a.b","data":{}}';
      const time = String(now());
      const signature = `v1a,${key.sign(`msg_1.${time}.${body}`).toString("base64")}`;
      const headers = { "webhook-id": "msg_1", "webhook-timestamp": time, "webhook-signature": signature };
      return { headers: { ...headers, ...JSON_TYPE }, body };
    },
  ],
];

test("deliveries signed by the providers' libraries are accepted once, and rejected with one byte altered", {
  timeout: 60_000,
}, async () => {
  const headrace = await receiving();
  for (const [library, preset, type, secret, sign] of SDKS) {
    const params = preset === "gitlab" ? { signing: "signature" } : {};
    const url = await connect(headrace, preset, { secret, params });
    const delivery = await sign(url);
    const events = await acceptedOnce(headrace, url, delivery);
    expect([library, preset, events.map((event) => event.type)]).toEqual([library, preset, [type]]);
    const altered = delivery.body.replace(/[a-z](?=[^a-z]*$)/, (letter) => letter.toUpperCase());
    expect(altered).not.toBe(delivery.body);
    expect([library, (await post(url, delivery.headers, altered)).status]).toEqual([library, 401]);
  }
});

test("Twilio's JSON bodies are verified by their hash in the URL, which no other body can reuse", async () => {
  const headrace: HeadraceProcess = await receiving();
  const url = await connect(headrace, "twilio", { secret: "auth-token" });
  const body = '{"EventType":"call.ended"}';
  const signedUrl = `${url}?bodySHA256=${twilio.getExpectedBodyHash(body)}`;
  const signature = twilio.getExpectedTwilioSignature("auth-token", signedUrl, {});
  const headers = { ...JSON_TYPE, "x-twilio-signature": signature };
  expect((await post(signedUrl, headers, body)).status).toBe(200);
  expect((await post(signedUrl, headers, '{"EventType":"call.other"}')).status).toBe(401);
  const asForm = { "content-type": "application/x-www-form-urlencoded", "x-twilio-signature": signature };
  expect((await post(signedUrl, asForm, "")).status).toBe(401);
  expect((await post(url, headers, body)).status).toBe(401);
});
