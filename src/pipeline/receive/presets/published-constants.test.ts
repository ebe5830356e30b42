import { expect, test } from "vitest";
import { InboundRequest } from "../inbound-request.ts";
import { createVerifier } from "../verify.ts";
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

/** The line end is signed too. */
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

/** Examples that providers print in their documentation, signature and all. */
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

test.each(PUBLISHED)(
  "%s",
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
