import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** Jira Cloud signs the body of webhooks that an administrator created with a secret. */
export const jira: Preset = {
  description: "Jira: X-Hub-Signature, HMAC SHA-256 over the body",
  docs: "https://developer.atlassian.com/cloud/jira/platform/webhooks/",
  notes: ["Webhooks of Connect and OAuth apps carry a JWT instead of a signature and are refused."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hub-signature", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ header: "x-atlassian-webhook-identifier" }],
    type: { from: [{ body: "/webhookEvent" }] },
    occurred_at: { from: [{ body: "/timestamp" }], unit: "ms" },
    // People name an issue by its key, also if a comment on it has the event.
    subject: inBody(
      "/issue/key",
      "/issue/id",
      "/issueLink/id",
      "/worklog/issueId",
      "/worklog/id",
      "/attachment/id",
      "/comment/id",
      "/sprint/id",
      "/version/id",
      "/project/key",
      "/board/id",
      "/filter/id",
      "/user/accountId",
      "/user/key",
      "/property/key",
    ),
    retry_span_s: 14_400,
  }),
  sample: {
    body: {
      timestamp: 1_767_225_600_000,
      webhookEvent: "jira:issue_created",
      issue: { id: "10001", key: "SHOP-1" },
    },
  },
};
