import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/** GitLab sends a token, or signs as Standard Webhooks if the webhook has a signing token. */
export const gitlab: Preset = {
  description: "GitLab: X-Gitlab-Token, or Standard Webhooks headers with a signing token",
  docs: "https://docs.gitlab.com/user/project/integrations/webhooks/",
  notes: [
    "A token is no signature: anyone who sees one delivery can forge others. Use signing: signature where GitLab offers it.",
  ],
  params: {
    signing: {
      description: "Proof of a delivery: the token itself, or a signature (webhooks with a signing token)",
      default: "token",
      oneOf: ["token", "signature"],
    },
  },
  scheme: ({ signing }) => ({
    ...(signing === "token"
      ? {
          algorithm: "token",
          signature: { from: [{ header: "x-gitlab-token" }], encoding: "text" },
          delivery_id: [{ header: "idempotency-key" }, { header: "x-gitlab-event-uuid" }],
        }
      : {
          algorithm: "hmac-sha256",
          secret: {
            encoding: "base64",
            prefix: "whsec_",
            // Some providers show the secret with the version of its signatures.
            other_prefixes: ["v1,whsec_"],
            wrong_prefixes: ["whpk_", "whsk_", "v1a,"],
            strict: true,
          },
          signature: {
            from: [{ header: "webhook-signature", separator: " ", prefix: "v1," }],
            encoding: "base64",
          },
          timestamp: { from: [{ header: "webhook-timestamp" }], unit: "s" },
          content: ["id", { literal: "." }, "timestamp", { literal: "." }, "body"],
          delivery_id: [{ header: "webhook-id" }],
        }),
    type: { from: [{ body: "/object_kind" }, { body: "/event_name" }, { header: "x-gitlab-event" }] },
    subject: inBody(
      "/object_attributes/url",
      "/object_attributes/awarded_on_url",
      "/object_attributes/iid",
      "/object_attributes/id",
      "/build_id",
      "/deployment_id",
      "/url",
      "/ref",
      // Members and system hooks.
      "/group_id",
      "/project_id",
      "/user_id",
      "/id",
    ),
    // A push has only the times of its commits.
    occurred_at: {
      from: inBody(
        "/object_attributes/updated_at",
        "/object_attributes/finished_at",
        "/object_attributes/created_at",
        "/build_finished_at",
        "/build_started_at",
        "/build_created_at",
        "/status_changed_at",
        "/updated_at",
        "/released_at",
        "/created_at",
      ),
      unit: "iso8601",
    },
    body_limit_bytes: 26_214_400,
  }),
  sample: {
    body: {
      object_kind: "merge_request",
      project: { id: 15, web_url: "https://gitlab.com/group/project" },
      object_attributes: {
        id: 99,
        iid: 7,
        action: "open",
        url: "https://gitlab.com/group/project/-/merge_requests/7",
        updated_at: "2026-01-01 00:00:00 UTC",
      },
    },
  },
};
