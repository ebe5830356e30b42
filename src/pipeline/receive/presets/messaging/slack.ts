import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Slack signs version, time and body with the secret of the app, which is the same for all workspaces. */
export const slack: Preset = {
  description: "Slack events, commands and interactions: X-Slack-Signature, HMAC SHA-256 over v0:time:body",
  docs: "https://docs.slack.dev/authentication/verifying-requests-from-slack",
  notes: ["The old verification token in the body proves nothing, and is left out of what is stored."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    secret: { encoding: "text", wrong_prefixes: ["xoxb-", "xoxp-", "xoxa-", "xapp-"] },
    signature: { from: [{ header: "x-slack-signature", prefix: "v0=" }], encoding: "hex" },
    timestamp: { from: [{ header: "x-slack-request-timestamp" }], unit: "s" },
    content: [{ literal: "v0:" }, "timestamp", { literal: ":" }, "body"],
    tokens: [{ body: "/token" }],
    delivery_id: [{ body: "/event_id" }],
    type: { from: [{ body: "/event/type" }, { body: "/type" }, { body: "/command" }] },
    // Interactions have seconds with a fraction, commands none.
    occurred_at: { from: inBody("/event_time", "/action_ts", "/actions/0/action_ts"), unit: "s" },
    subject: inBody(
      "/event/file_id",
      "/event/file/id",
      "/event/channel/id",
      "/event/channel",
      "/event/channel_id",
      "/event/item/channel",
      "/event/item/file",
      "/event/view/id",
      "/event/subteam/id",
      "/event/subteam_id",
      "/event/user/id",
      "/event/user",
      "/event/user_id",
      "/event/name",
      "/view/id",
      "/channel/id",
      "/channel_id",
      "/user/id",
      "/user_id",
    ),
    // In a channel shared with Slack Connect team_id is the workspace of the author, and authorizations names the one
    // that has the app. A shortcut of an organisation has no team but that of the user.
    account: [
      { body: "/authorizations/0/team_id" },
      { body: "/context_team_id" },
      { body: "/team_id" },
      { body: "/team/id" },
      { body: "/user/team_id" },
      { body: "/authorizations/0/enterprise_id" },
      { body: "/enterprise_id" },
      { body: "/enterprise/id" },
    ],
    challenges: [
      {
        when: [{ at: { body: "/type" }, equals: "url_verification" }],
        proof: "signature",
        answer: { status: 200, content_type: "text/plain", text: { body: "/challenge" } },
      },
    ],
    retry_span_s: 3_600,
  }),
  sample: {
    body: {
      token: "an-old-verification-token",
      type: "event_callback",
      team_id: "T1",
      event_id: "Ev1",
      event_time: 1_767_225_600,
      event: { type: "app_mention", channel: "C061EG9T2", user: "U061F7AUR", text: "hello" },
    },
  },
};
