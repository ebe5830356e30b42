import type { Preset } from "../preset.ts";

/** Bitbucket Cloud and Data Center sign only the body. */
export const bitbucket: Preset = {
  description: "Bitbucket: X-Hub-Signature, HMAC SHA-256 over the body",
  docs: "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/",
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hub-signature", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ header: "x-request-uuid" }, { header: "x-request-id" }],
    type: { from: [{ header: "x-event-key" }] },
    account: [{ body: "/repository/workspace/uuid" }],
    body_limit_bytes: 5_242_880,
  }),
  sample: { body: { push: { changes: [] }, repository: { name: "r", workspace: { uuid: "{w1}" } } } },
};
