import { expect, test } from "vitest";
import { InboundRequest } from "../schemes/inbound-request.ts";
import { createVerifier } from "../schemes/verify.ts";
import { presetScheme } from "./index.ts";

interface Published {
  preset: string;
  secret: string;
  url?: string;
  headers: Record<string, string>;
  body: string;
  nowS: number;
}

const SLACK_BODY =
  "token=xyzz0WbapA4vBCDEFasx0q6G&team_id=T1DC2JH3J&team_domain=testteamnow&channel_id=G8PSS9T3V&channel_name=foobar&user_id=U2CERLKJA&user_name=roadrunner&command=%2Fwebhook-collect&text=&response_url=https%3A%2F%2Fhooks.slack.com%2Fcommands%2FT1DC2JH3J%2F397700885554%2F96rGlfmibIGlgcZRskXaIFfN&trigger_id=398738663015.47445629121.803a0bc887a14d10d2c447fce8b6703c";

/** The line end is part of the signed body. */
const SENDGRID_BODY = `${JSON.stringify([
  {
    email: "hello@world.com",
    event: "dropped",
    reason: "Bounced Address",
    sg_event_id: "ZHJvcC0xMDk5NDkxOS1MUnpYbF9OSFN0T0doUTRrb2ZTbV9BLTA",
    sg_message_id: "LRzXl_NHStOGhQ4kofSm_A.filterdrecv-p3mdw1-756b745b58-kmzbl-18-5F5FC76C-9.0",
    "smtp-id": "<LRzXl_NHStOGhQ4kofSm_A@ismtpd0039p1iad1.sendgrid.net>",
    timestamp: 1_600_112_492,
  },
])}\r\n`;

/** Examples with signatures from the providers' documentation. */
const PUBLISHED: [where: string, published: Published][] = [
  [
    "GitHub, https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
    {
      preset: "github",
      secret: "It's a Secret to Everybody",
      headers: {
        "x-hub-signature-256": "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17",
      },
      body: "Hello, World!",
      nowS: 0,
    },
  ],
  [
    "Slack, https://docs.slack.dev/authentication/verifying-requests-from-slack",
    {
      preset: "slack",
      secret: "8f742231b10e8888abcd99yyyzzz85a5",
      headers: {
        "x-slack-request-timestamp": "1531420618",
        "x-slack-signature": "v0=a2114d57b48eac39b9ad189dd8316235a7b4a8d21a10bd27519666489c69b503",
      },
      body: SLACK_BODY,
      nowS: 1_531_420_618,
    },
  ],
  [
    "Standard Webhooks, the test vector of its libraries",
    {
      preset: "standard-webhooks",
      secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      headers: {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
      },
      body: '{"test": 2432232314}',
      nowS: 1_614_265_330,
    },
  ],
  [
    "Twilio, https://www.twilio.com/docs/usage/security",
    {
      preset: "twilio",
      secret: "12345",
      url: "https://mycompany.com/myapp.php?foo=1&bar=2",
      headers: { "x-twilio-signature": "RSOYDt4T1cUTdK1PDd93/VVr8B8=" },
      body: "CallSid=CA1234567890ABCDE&Caller=%2B14158675309&Digits=1234&From=%2B14158675309&To=%2B18005551212",
      nowS: 0,
    },
  ],
  [
    "SendGrid, the test vector of its libraries",
    {
      preset: "sendgrid",
      secret:
        "MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAE83T4O/n84iotIvIW4mdBgQ/7dAfSmpqIM8kF9mN1flpVKS3GRqe62gw+2fNNRaINXvVpiglSI8eNEc6wEA3F+g==",
      headers: {
        "x-twilio-email-event-webhook-timestamp": "1600112502",
        "x-twilio-email-event-webhook-signature":
          "MEUCIGHQVtGj+Y3LkG9fLcxf3qfI10QysgDWmMOVmxG0u6ZUAiEAyBiXDWzM+uOe5W0JuG+luQAbPIqHh89M15TluLtEZtM=",
      },
      body: SENDGRID_BODY,
      nowS: 1_600_112_502,
    },
  ],
];

const HUBSPOT_BODY =
  '[{"eventId":100,"subscriptionId":12,"portalId":62515,"occurredAt":1795435200000,"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"name":"é"}]';
const HUBSPOT_URL = "https://hooks.example/api/v1/webhooks/hubspot/acme?source=crm";
const HUBSPOT_SECRET = "8c1d1d5a-0f5e-4b1e-9d0d-6a4f2b7f3c11";

/** Signed once with provider libraries that are too large to install for every test run. */
const SIGNED_WITH: [library: string, published: Published][] = [
  [
    "@hubspot/api-client 13.5.0, version 3",
    {
      preset: "hubspot",
      secret: HUBSPOT_SECRET,
      url: HUBSPOT_URL,
      headers: {
        "x-hubspot-request-timestamp": "1795435200000",
        "x-hubspot-signature-v3": "R8NLTWY89zuIQlNHJMFeb8WotugVnxN90RsOPcJkioI=",
      },
      body: HUBSPOT_BODY,
      nowS: 1_795_435_200,
    },
  ],
  [
    "@hubspot/api-client 13.5.0, version 1",
    {
      preset: "hubspot-v1",
      secret: HUBSPOT_SECRET,
      headers: { "x-hubspot-signature": "b17d37495e3d8d6dc74cc07d6dcb7759485d923cc44d01139e8b2dd7a6d536e5" },
      body: HUBSPOT_BODY,
      nowS: 0,
    },
  ],
  [
    "svix 1.99.1",
    {
      preset: "svix",
      secret: "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
      headers: {
        "svix-id": "msg_2b",
        "svix-timestamp": "1795435200",
        "svix-signature": "v1,mMzoIGwKmoazN446sv2R2EKEQL21BdpVvmc+30GjGCw=",
      },
      body: '{"type":"a.b","data":{"é":1}}',
      nowS: 1_795_435_200,
    },
  ],
  [
    "box-node-sdk 10.12.0",
    {
      preset: "box",
      secret: "sec",
      headers: {
        "box-delivery-timestamp": "2026-11-23T12:00:00Z",
        "box-signature-primary": "thumbO/WTNI9P7uQ628oBye/NzObWqrVpvZzARzHWcE=",
      },
      body: '{"id":"1","trigger":"FILE.UPLOADED"}',
      nowS: Date.UTC(2026, 10, 23, 12) / 1_000,
    },
  ],
];

test.each([...PUBLISHED, ...SIGNED_WITH])(
  "verifies the signature published by %s",
  (_where, { preset, secret, url = "https://hooks.example/in", headers, body, nowS }) => {
    const verify = createVerifier(presetScheme(preset, {}), [{ value: secret }]);
    const judged = (text: string) =>
      verify(
        new InboundRequest({
          method: "POST",
          url,
          rawHeaders: Object.entries(headers).flat(),
          body: Buffer.from(text),
        }),
        nowS * 1_000,
      ).kind;
    expect([judged(body), judged(`${body} `)]).toEqual(["authentic", "rejected"]);
  },
);
