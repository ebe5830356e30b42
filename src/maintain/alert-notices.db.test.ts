import type { IncomingMessage } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { migratedDatabase } from "../../test/support/database.ts";
import { serve } from "../../test/support/local-target.ts";
import { until } from "../../test/support/until.ts";
import { openAlerts, resolveAlerts } from "../postgres/alerts/alerts.ts";
import { claimNotices } from "../postgres/alerts/notices.ts";
import type { Database } from "../postgres/core/database.ts";
import { DEFAULT_POLICY, EVERY_TENANT, putPolicy } from "../postgres/dead-letters/policies.ts";
import { createOutgoingHttp } from "../runtime/outgoing/index.ts";
import { type AlertNoticeBounds, createAlertNoticeStep } from "./alert-notices.ts";

const BOUNDS: AlertNoticeBounds = {
  batchSize: 20,
  timeoutMs: 2_000,
  leaseMs: 10_000,
  maxAttempts: 3,
  intervalMs: 60_000,
  backoff: { kind: "fixed", delayMs: 1, maxDelayMs: 1 },
};
const KEY = { tenantId: "acme", kind: "dlq.depth", subject: "" };
const OPENING = { ...KEY, message: "Tenant acme has 12 < 20", value: 12, threshold: 10, details: { a: 1 } };

interface Call {
  path: string | undefined;
  key: unknown;
  body: Record<string, unknown>;
}

/** Serves a webhook that responds with each status in turn, then with 200. */
async function webhook(statuses: number[] = []): Promise<{ url: string; calls: Call[] }> {
  const calls: Call[] = [];
  const target = await serve(async (request, response) => {
    calls.push({ path: request.url, key: request.headers["idempotency-key"], body: await bodyOf(request) });
    response.writeHead(statuses[calls.length - 1] ?? 200).end();
  });
  return { url: `${target.url}/services/T0/secret`, calls };
}

async function bodyOf(request: IncomingMessage): Promise<Record<string, unknown>> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return JSON.parse(Buffer.concat(chunks).toString());
}

function sender(database: Database, over: Partial<AlertNoticeBounds> = {}, allowPrivate = ["127.0.0.0/8"]) {
  const reported: string[] = [];
  const outgoing = createOutgoingHttp({ allowPrivate });
  onTestFinished(() => outgoing.close());
  const step = createAlertNoticeStep({
    database: database.pipeline,
    outgoing,
    bounds: { ...BOUNDS, ...over },
    random: Math.random,
    onChange: ({ change }) => void reported.push(change),
    onFailed: (_notice, error) => void reported.push(error),
  });
  return { reported, step: () => step(new AbortController().signal) };
}

function setWebhook(database: Database, tenantId: string, webhookUrl: string): Promise<void> {
  const policy = { ...DEFAULT_POLICY, alert: { depth: 10, webhook_url: webhookUrl } };
  return database.transaction((transaction) => putPolicy(transaction, tenantId, policy));
}

async function notices(database: Database): Promise<unknown[]> {
  return await database.pipeline.query({
    text: "SELECT change, state, attempts, last_error FROM alert_notices ORDER BY change",
  });
}

describe("a webhook of alerts", () => {
  test("an alert webhook gets a notice when an alert opens and when it resolves", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await setWebhook(database, EVERY_TENANT, url);
    const { reported, step } = sender(database);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    await resolveAlerts(database.pipeline, [{ ...KEY, value: 3 }]);
    await step();
    expect(reported).toEqual(["opened", "resolved"]);
    expect(calls.map((call) => call.body)).toEqual([
      {
        id: expect.any(String),
        status: "open",
        tenant_id: "acme",
        kind: "dlq.depth",
        subject: "",
        text: "Alert [dlq.depth] Tenant acme has 12 &lt; 20",
        message: OPENING.message,
        value: 12,
        threshold: 10,
        resolved_value: null,
        details: { a: 1 },
        opened_at: expect.any(String),
        resolved_at: null,
      },
      expect.objectContaining({
        status: "resolved",
        id: calls[0]?.body["id"],
        resolved_value: 3,
        resolved_at: expect.any(String),
        text: "Resolved [dlq.depth] Tenant acme has 12 &lt; 20 (now 3)",
      }),
    ]);
  });

  test("an alert notice is retried with the same key, and resolved is sent after opened", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook([500, 302]);
    await setWebhook(database, "acme", url);
    const { reported, step } = sender(database);
    await openAlerts(database.pipeline, [OPENING]);
    await resolveAlerts(database.pipeline, [KEY]);
    await until("both notices are delivered", async () => {
      await step();
      return calls.length === 4;
    });
    expect(calls.map((call) => call.body["status"])).toEqual(["open", "open", "open", "resolved"]);
    expect(new Set(calls.slice(0, 3).map((call) => call.key)).size).toBe(1);
    expect(reported).toEqual(["opened", "resolved"]);
    expect(await notices(database)).toEqual([
      { change: "opened", state: "delivered", attempts: 3, last_error: null },
      { change: "resolved", state: "delivered", attempts: 1, last_error: null },
    ]);
  });

  test("an alert notice fails after the maximum of tries, without the path of the webhook in its error", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook([500, 500, 500, 500]);
    await setWebhook(database, "acme", url);
    const { reported, step } = sender(database);
    await openAlerts(database.pipeline, [OPENING]);
    await until("the notice has failed", async () => {
      await step();
      return reported.length === 2;
    });
    await step();
    expect(calls).toHaveLength(3);
    expect(reported).toEqual(["opened", "HTTP_STATUS: the webhook responded with 500"]);
    expect(await notices(database)).toEqual([
      {
        change: "opened",
        state: "failed",
        attempts: 3,
        last_error: "HTTP_STATUS: the webhook responded with 500",
      },
    ]);
  });

  test("an alert webhook at a private address is neither called nor retried", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await setWebhook(database, "acme", url);
    const { reported, step } = sender(database, {}, []);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    await step();
    expect(calls).toEqual([]);
    expect(reported).toEqual(["opened", expect.stringContaining("TARGET_REFUSED")]);
    expect(reported.join()).not.toContain("secret");
    expect(await notices(database)).toEqual([
      {
        change: "opened",
        state: "failed",
        attempts: 1,
        last_error: expect.stringContaining("TARGET_REFUSED"),
      },
    ]);
  });

  test("alerts without a webhook are still logged and counted", async () => {
    const { database } = await migratedDatabase();
    await setWebhook(database, EVERY_TENANT, "https://example.com/");
    // The policy of the tenant has no webhook.
    await database.transaction((transaction) => putPolicy(transaction, "acme", DEFAULT_POLICY));
    const { reported, step } = sender(database);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    expect(reported).toEqual(["opened"]);
    expect(await notices(database)).toEqual([
      { change: "opened", state: "untold", attempts: 1, last_error: null },
    ]);
  });

  test("concurrent processes open an alert and send its notice once", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await setWebhook(database, "acme", url);
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openAlerts(database.pipeline, [OPENING])),
    );
    expect(opened.sort()).toEqual([0, 0, 0, 0, 1]);
    const copies = [sender(database), sender(database), sender(database)];
    await Promise.all(copies.map((copy) => copy.step()));
    const resolved = await Promise.all(
      Array.from({ length: 5 }, () => resolveAlerts(database.pipeline, [KEY])),
    );
    expect(resolved.sort()).toEqual([0, 0, 0, 0, 1]);
    await Promise.all(copies.map((copy) => copy.step()));
    expect(calls.map((call) => call.body["status"])).toEqual(["open", "resolved"]);
  });

  test("a notice whose sender died is sent by another process after its lease", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await setWebhook(database, "acme", url);
    await openAlerts(database.pipeline, [OPENING]);
    expect(await claimNotices(database.pipeline, { limit: 10, leaseMs: 300 })).toHaveLength(1);
    const { step } = sender(database);
    await step();
    expect(calls).toEqual([]);
    await until("the lease has ended", async () => {
      await step();
      return calls.length === 1;
    });
  });
});
