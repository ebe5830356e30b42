import { inBody } from "../places.ts";
import type { Preset } from "../preset.ts";

/**
 * GitHub signs only the body: no time, no event name and no delivery id. A delivery can be redelivered by hand for
 * three days under the same id.
 */
export const github: Preset = {
  description: "GitHub: X-Hub-Signature-256, HMAC SHA-256 over the body",
  docs: "https://docs.github.com/en/webhooks/using-webhooks/validating-webhook-deliveries",
  notes: ["GitHub does not retry by itself: failed deliveries are redelivered by hand or through its API."],
  params: {},
  scheme: () => ({
    algorithm: "hmac-sha256",
    signature: { from: [{ header: "x-hub-signature-256", prefix: "sha256=" }], encoding: "hex" },
    content: ["body"],
    delivery_id: [{ header: "x-github-delivery" }],
    type: { from: [{ header: "x-github-event" }], suffix: { body: "/action" } },
    // The thing in the name of the event comes before the things that have it. Jobs and deployments come with others.
    subject: inBody(
      "/comment/html_url",
      "/review/html_url",
      "/thread/node_id",
      "/workflow_job/html_url",
      "/deployment/url",
      "/alert/html_url",
      "/pull_request/html_url",
      "/issue/html_url",
      "/discussion/html_url",
      "/check_run/html_url",
      "/check_suite/url",
      "/workflow_run/html_url",
      "/release/html_url",
      "/package/html_url",
      "/registry_package/html_url",
      "/milestone/html_url",
      "/label/url",
      "/forkee/html_url",
      "/pages/0/html_url",
      "/projects_v2_item/node_id",
      "/projects_v2/node_id",
      "/merge_group/head_ref",
      "/compare",
      "/commit/html_url",
      "/ref",
      "/security_advisory/ghsa_id",
      "/team/html_url",
      "/member/html_url",
      "/membership/url",
      "/installation/html_url",
      "/repository/html_url",
      "/organization/login",
    ),
    // All that happens to a pull request or an issue changes its time of update. A comment keeps its own if it is deleted.
    occurred_at: [
      {
        from: inBody(
          "/workflow_job/completed_at",
          "/workflow_job/started_at",
          "/deployment_status/updated_at",
          "/deployment/updated_at",
          "/alert/updated_at",
          "/pull_request/updated_at",
          "/issue/updated_at",
          "/discussion/updated_at",
          "/comment/updated_at",
          "/check_run/completed_at",
          "/check_run/started_at",
          "/check_suite/updated_at",
          "/workflow_run/updated_at",
          "/release/updated_at",
          "/release/published_at",
          "/package/updated_at",
          "/registry_package/updated_at",
          "/milestone/updated_at",
          "/projects_v2_item/updated_at",
          "/projects_v2/updated_at",
          "/forkee/created_at",
          "/starred_at",
        ),
        unit: "rfc3339",
      },
      // Only a push has this time in seconds.
      { from: inBody("/repository/pushed_at"), unit: "s" },
    ],
    account: [{ body: "/installation/id" }],
    challenges: [
      {
        when: [{ at: { header: "x-github-event" }, equals: "ping" }],
        proof: "signature",
        answer: { status: 200 },
      },
    ],
    body_limit_bytes: 26_214_400,
  }),
  sample: {
    body: {
      action: "opened",
      number: 7,
      pull_request: {
        html_url: "https://github.com/octo-org/octo-repo/pull/7",
        title: "Fix the gate",
        updated_at: "2026-01-01T00:00:00Z",
      },
      repository: { full_name: "octo-org/octo-repo", html_url: "https://github.com/octo-org/octo-repo" },
    },
    headers: { "x-github-event": "pull_request" },
  },
};
