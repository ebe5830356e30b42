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
  ...{ batchSize: 20, timeoutMs: 2_000, leaseMs: 10_000, maxAttempts: 3, intervalMs: 60_000 },
  backoff: { kind: "fixed", delayMs: 1, maxDelayMs: 1 },
};
const KEY = { tenantId: "acme", kind: "dlq.depth", subject: "" };
const OPENING = { ...KEY, message: "Tenant acme has 12 < 20", value: 12, threshold: 10, details: { a: 1 } };

interface Call {
  path: string | undefined;
  key: unknown;
  body: Record<string, unknown>;
}

/** A webhook that answers each call with the next status, 200 when there is none. */
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

function teller(database: Database, over: Partial<AlertNoticeBounds> = {}, allowPrivate = ["127.0.0.0/8"]) {
  const told: string[] = [];
  const outgoing = createOutgoingHttp({ allowPrivate });
  onTestFinished(() => outgoing.close());
  const step = createAlertNoticeStep({
    ...{ database: database.pipeline, outgoing, bounds: { ...BOUNDS, ...over }, random: Math.random },
    onChange: ({ change }) => void told.push(change),
    onGivenUp: (_notice, error) => void told.push(error),
  });
  return { told, step: () => step(new AbortController().signal) };
}

function tell(database: Database, tenantId: string, webhookUrl: string): Promise<void> {
  const policy = { ...DEFAULT_POLICY, alert: { depth: 10, webhook_url: webhookUrl } };
  return database.transaction((transaction) => putPolicy(transaction, tenantId, policy));
}

async function notices(database: Database): Promise<unknown[]> {
  return await database.pipeline.query({
    text: "SELECT change, state, attempts, last_error FROM alert_notices ORDER BY change",
  });
}

describe("a webhook of alerts", () => {
  test("gets one body that Slack shows and programs read, when it opens and when it resolves", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await tell(database, EVERY_TENANT, url);
    const { told, step } = teller(database);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    await resolveAlerts(database.pipeline, [{ ...KEY, value: 3 }]);
    await step();
    expect(told).toEqual(["opened", "resolved"]);
    expect(calls.map((call) => call.body)).toEqual([
      {
        ...{ id: expect.any(String), status: "open", tenant_id: "acme", kind: "dlq.depth", subject: "" },
        ...{ text: "Alert [dlq.depth] Tenant acme has 12 &lt; 20", message: OPENING.message, value: 12 },
        ...{ threshold: 10, resolved_value: null, details: { a: 1 }, opened_at: expect.any(String) },
        resolved_at: null,
      },
      expect.objectContaining({
        ...{
          status: "resolved",
          id: calls[0]?.body["id"],
          resolved_value: 3,
          resolved_at: expect.any(String),
        },
        text: "Resolved [dlq.depth] Tenant acme has 12 &lt; 20 (now 3)",
      }),
    ]);
  });

  test("is told again after a failure, with the same key, and the end not before the beginning", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook([500, 302]);
    await tell(database, "acme", url);
    const { told, step } = teller(database);
    await openAlerts(database.pipeline, [OPENING]);
    await resolveAlerts(database.pipeline, [KEY]);
    await until("both are told", async () => {
      await step();
      return calls.length === 4;
    });
    expect(calls.map((call) => call.body["status"])).toEqual(["open", "open", "open", "resolved"]);
    expect(new Set(calls.slice(0, 3).map((call) => call.key)).size).toBe(1);
    expect(told).toEqual(["opened", "resolved"]);
    expect(await notices(database)).toEqual([
      { change: "opened", state: "delivered", attempts: 3, last_error: null },
      { change: "resolved", state: "delivered", attempts: 1, last_error: null },
    ]);
  });

  test("is given up after so many attempts, and its path is in no message", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook([500, 500, 500, 500]);
    await tell(database, "acme", url);
    const { told, step } = teller(database);
    await openAlerts(database.pipeline, [OPENING]);
    await until("it is given up", async () => {
      await step();
      return told.length === 2;
    });
    await step();
    expect(calls).toHaveLength(3);
    expect(told).toEqual(["opened", "HTTP_STATUS: the webhook answered 500"]);
    expect(await notices(database)).toEqual([
      { change: "opened", state: "failed", attempts: 3, last_error: "HTTP_STATUS: the webhook answered 500" },
    ]);
  });

  test("at a private address is not called, and not tried again", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await tell(database, "acme", url);
    const { told, step } = teller(database, {}, []);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    await step();
    expect(calls).toEqual([]);
    expect(told).toEqual(["opened", expect.stringContaining("TARGET_REFUSED")]);
    expect(told.join()).not.toContain("secret");
    expect(await notices(database)).toEqual([
      {
        change: "opened",
        state: "failed",
        attempts: 1,
        last_error: expect.stringContaining("TARGET_REFUSED"),
      },
    ]);
  });

  test("is not needed: the log and the metrics are told all the same", async () => {
    const { database } = await migratedDatabase();
    await tell(database, EVERY_TENANT, "https://example.com/");
    // A policy of its own, without a webhook.
    await database.transaction((transaction) => putPolicy(transaction, "acme", DEFAULT_POLICY));
    const { told, step } = teller(database);
    await openAlerts(database.pipeline, [OPENING]);
    await step();
    expect(told).toEqual(["opened"]);
    expect(await notices(database)).toEqual([
      { change: "opened", state: "untold", attempts: 1, last_error: null },
    ]);
  });

  test("is told once however many copies open the alert and tell of it", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await tell(database, "acme", url);
    const opened = await Promise.all(
      Array.from({ length: 5 }, () => openAlerts(database.pipeline, [OPENING])),
    );
    expect(opened.sort()).toEqual([0, 0, 0, 0, 1]);
    const copies = [teller(database), teller(database), teller(database)];
    await Promise.all(copies.map((copy) => copy.step()));
    const resolved = await Promise.all(
      Array.from({ length: 5 }, () => resolveAlerts(database.pipeline, [KEY])),
    );
    expect(resolved.sort()).toEqual([0, 0, 0, 0, 1]);
    await Promise.all(copies.map((copy) => copy.step()));
    expect(calls.map((call) => call.body["status"])).toEqual(["open", "resolved"]);
  });

  test("is told by another copy when the one that claimed the notice is gone", async () => {
    const { database } = await migratedDatabase();
    const { url, calls } = await webhook();
    await tell(database, "acme", url);
    await openAlerts(database.pipeline, [OPENING]);
    expect(await claimNotices(database.pipeline, { limit: 10, leaseMs: 300 })).toHaveLength(1);
    const { step } = teller(database);
    await step();
    expect(calls).toEqual([]);
    await until("the lease has ended", async () => {
      await step();
      return calls.length === 1;
    });
  });
});
