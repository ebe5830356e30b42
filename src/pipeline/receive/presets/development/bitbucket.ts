import { inBody } from "../places.ts";
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
    subject: inBody(
      "/comment/links/html/href",
      "/pullrequest/links/html/href",
      "/issue/links/html/href",
      "/commit_status/url",
      "/push/changes/0/links/html/href",
      "/push/changes/0/new/links/html/href",
      "/push/changes/0/old/links/html/href",
      // Data Center.
      "/pullRequest/links/self/0/href",
      "/pullRequest/id",
      "/changes/0/ref/id",
      "/repository/links/html/href",
      "/repository/slug",
    ),
    // A push has only the times of its commits in the cloud.
    occurred_at: [
      {
        from: inBody(
          "/comment/updated_on",
          "/pullrequest/updated_on",
          "/issue/updated_on",
          "/commit_status/updated_on",
        ),
        unit: "rfc3339",
      },
      { from: inBody("/date"), unit: "iso8601" },
    ],
    account: [{ body: "/repository/workspace/uuid" }],
    body_limit_bytes: 5_242_880,
  }),
  sample: {
    body: {
      pullrequest: {
        id: 7,
        title: "Fix the gate",
        updated_on: "2026-01-01T00:00:00.000000+00:00",
        links: { html: { href: "https://bitbucket.org/w/r/pull-requests/7" } },
      },
      repository: { name: "r", workspace: { uuid: "{w1}" } },
    },
    headers: { "x-event-key": "pullrequest:created" },
  },
};
