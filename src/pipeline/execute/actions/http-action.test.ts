import type { IncomingHttpHeaders, ServerResponse } from "node:http";
import { HTTP } from "cloudevents";
import { Webhook } from "standardwebhooks";
import { describe, expect, onTestFinished, test } from "vitest";
import { type LocalTarget, serve } from "../../../../test/support/local-target.ts";
import { DEFAULT_RETRY, type FlowAction } from "../../../domain/flow/flow.ts";
import type { RunAttempt } from "../../../domain/flow/flow-run.ts";
import { type AllowPrivate, createOutgoingHttp } from "../../../runtime/outgoing/index.ts";
import { checkActionHeaders, createHttpAction } from "./http-action.ts";
import type { Targets } from "./targets.ts";

const secret = `whsec_${Buffer.alloc(32, 7).toString("base64")}`;

interface Call {
  method: string | undefined;
  path: string | undefined;
  headers: IncomingHttpHeaders;
  body: string;
}

/** Starts a target that records its calls. */
async function startSink(
  answer: (response: ServerResponse) => void = (response) => response.end("ok"),
): Promise<LocalTarget & { calls: Call[] }> {
  const calls: Call[] = [];
  const target = await serve(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    const { method, url: path, headers } = request;
    calls.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
    answer(response);
  });
  return Object.assign(target, { calls });
}

function run(
  action: Partial<Extract<FlowAction, { type: "http" }>>,
  part: Partial<RunAttempt> = {},
): RunAttempt {
  return {
    runId: "01a208f8-2149-748f-94fe-b9c62a9e51c1",
    tenantId: "acme",
    flowId: "f",
    flowVersion: 1,
    fence: 1,
    attempt: 1,
    idempotencyKey: "run-key",
    event: {
      id: "01a208f8-2149-748f-94fe-b9c62a9e51c2",
      tenantId: "acme",
      connector: "shop",
      endpoint: "default",
      type: "order.paid",
      source: "webhook",
      priority: 2,
      subject: undefined,
      occurredAt: "2026-11-23T10:00:00.000Z",
      receivedAt: "2026-11-23T10:00:01.000Z",
      idempotencyKey: "event-key",
      headers: {},
      data: { order: 7 },
    },
    definition: { trigger: {}, action: { type: "http", url: "", ...action }, retry: DEFAULT_RETRY },
    signingSecret: secret,
    secrets: {},
    lease: new AbortController(),
    ...part,
  };
}

/** Admits every call. */
const FREE: Targets = { acquire: async () => ({ kind: "turn", release() {} }) };

function httpAction(allowPrivate: AllowPrivate = ["127.0.0.1/32"]) {
  const outgoing = createOutgoingHttp({ allowPrivate });
  onTestFinished(() => outgoing.close());
  return createHttpAction({ outgoing, clock: { now: Date.now }, targets: FREE });
}

describe("the HTTP action", () => {
  test("posts a signed CloudEvent with the run's idempotency key", async () => {
    const sink = await startSink();
    expect(await httpAction()(run({ url: sink.url }))).toEqual({ kind: "done", responseStatus: 200 });
    const { method, headers, body } = sink.calls[0] as Call;
    expect(method).toBe("POST");
    expect(headers).toMatchObject({
      "content-type": "application/cloudevents+json",
      "idempotency-key": "run-key",
      "webhook-id": "01a208f8-2149-748f-94fe-b9c62a9e51c1",
    });
    expect(new Webhook(secret).verify(body, headers as Record<string, string>)).toMatchObject({
      type: "order.paid",
    });
    expect(HTTP.toEvent({ headers, body })).toMatchObject({
      id: "01a208f8-2149-748f-94fe-b9c62a9e51c2",
      data: { order: 7 },
    });
  });

  test("signs requests with the flow's own method, headers and body", async () => {
    const sink = await startSink();
    const headers = { Authorization: "Bearer t", "Content-Type": "text/plain" };
    await httpAction()(run({ url: sink.url, method: "PUT", headers, body: "Grüße" }));
    const [call] = sink.calls as [Call];
    expect(call).toMatchObject({
      method: "PUT",
      body: "Grüße",
      headers: { authorization: "Bearer t", "content-type": "text/plain", "idempotency-key": "run-key" },
    });
    const verify = () =>
      new Webhook(secret).verify(call.body, call.headers as Record<string, string>, { jsonParse: false });
    expect(verify).not.toThrow();
  });

  test("fills templates before it signs the request", async () => {
    const sink = await startSink();
    const action = {
      url: `${sink.url}/orders/{{event.data.order}}`,
      headers: { Authorization: "Bearer {{secret.token}}", "X-Tenant": "{{tenant.id}}" },
      body: '{"order": "{{event.data.order}}", "type": "{{event.type}}!"}',
    };
    expect(await httpAction()(run(action, { secrets: { token: "s3cret" } }))).toMatchObject({ kind: "done" });
    const [call] = sink.calls as [Call];
    expect(call).toMatchObject({
      path: "/orders/7",
      body: '{"order": 7, "type": "order.paid!"}',
      headers: { authorization: "Bearer s3cret", "x-tenant": "acme", "content-type": "application/json" },
    });
    new Webhook(secret).verify(call.body, call.headers as Record<string, string>);
  });

  test("sends no request if a template is malformed or a value is missing", async () => {
    const sink = await startSink();
    const outcomes = await Promise.all([
      httpAction()(run({ url: `${sink.url}/{{event.data.nothing}}` })),
      httpAction()(run({ url: sink.url, headers: { "x-key": "{{secret.token}}" } })),
      httpAction()(run({ url: sink.url, body: "{{event.data" })),
    ]);
    expect(outcomes.map((outcome) => outcome.kind === "dead" && outcome.error)).toEqual([
      {
        code: "TEMPLATE_VALUE_MISSING",
        message: "action.url takes {{event.data.nothing}}, which is missing",
      },
      {
        code: "SECRET_MISSING",
        message: "action.headers.x-key needs the secret token, which does not exist or cannot be decrypted",
      },
      { code: "TEMPLATE_FLAWED", message: "action.body {{ has no }}, at character 1" },
    ]);
    expect(sink.connected).toBe(0);
  });

  test("lets no header of the flow replace one of Headrace", async () => {
    const sink = await startSink();
    const headers = {
      "Idempotency-Key": "mine",
      "WEBHOOK-ID": "mine",
      "webhook-signature": "v1,mine",
      "webhook-timestamp": "1",
      Host: "other.example",
      "Content-Length": "1",
      Connection: "close",
      "Transfer-Encoding": "chunked",
    };
    expect(await httpAction()(run({ url: sink.url, headers }))).toMatchObject({ kind: "done" });
    const [call] = sink.calls as [Call];
    expect(JSON.stringify(call.headers)).not.toContain("mine");
    expect(call.headers).toMatchObject({ host: `127.0.0.1:${sink.port}`, connection: "keep-alive" });
  });

  test("sends no body with GET", async () => {
    const sink = await startSink();
    await httpAction()(run({ url: sink.url, method: "GET" }));
    const [call] = sink.calls as [Call];
    expect(call).toMatchObject({ method: "GET", body: "" });
    expect(call.headers["content-type"]).toBeUndefined();
  });

  test.each([
    [200, "done"],
    [204, "done"],
    [302, "dead"],
    [304, "dead"],
    [400, "dead"],
    [403, "dead"],
    [409, "dead"],
    [410, "dead"],
    [422, "dead"],
    [401, "retry"],
    [404, "retry"],
    [408, "retry"],
    [425, "retry"],
    [429, "retry"],
    [500, "retry"],
    [501, "retry"],
    [503, "retry"],
  ])("maps the HTTP status %d to the outcome %s", async (status, kind) => {
    const sink = await startSink((response) => response.writeHead(status, { location: "/secret" }).end());
    const outcome = await httpAction()(run({ url: sink.url }));
    expect(outcome).toMatchObject({ kind, responseStatus: status });
    expect(outcome).not.toHaveProperty("delayMs");
    expect(sink.calls).toHaveLength(1);
  });

  test("keeps the status of a response, and neither its body nor its headers", async () => {
    const sink = await startSink((response) => response.writeHead(422, { "x-k": "hunter2" }).end("hunter2"));
    expect(await httpAction()(run({ url: sink.url }))).toEqual({
      kind: "dead",
      responseStatus: 422,
      error: { code: "HTTP_STATUS", message: "The target answered 422" },
      target: sink.url,
    });
  });

  test.each([
    ["7", 7_000],
    [new Date(Date.now() + 3_600_000).toUTCString(), 3_600_000],
  ])("delays the retry by Retry-After %s", async (value, waitMs) => {
    const sink = await startSink((response) => response.writeHead(429, { "retry-after": value }).end());
    const outcome = await httpAction()(run({ url: sink.url }));
    const delayMs = outcome.kind === "retry" ? (outcome.delayMs ?? 0) : 0;
    expect(Math.abs(delayMs - waitMs)).toBeLessThan(5_000);
  });

  test.each([403, 409, 413, 423, 425, 301, 422])("retries a %d that asks to wait", async (status) => {
    const sink = await startSink((response) => response.writeHead(status, { "retry-after": "6.5" }).end());
    expect(await httpAction()(run({ url: sink.url }))).toMatchObject({ kind: "retry", delayMs: 6_500 });
  });

  test("retries a 403 whose rate limit is used up after its reset", async () => {
    const limit = { "x-ratelimit-remaining": "0", "x-ratelimit-reset": "7" };
    const sink = await startSink((response) => response.writeHead(403, limit).end());
    expect(await httpAction()(run({ url: sink.url }))).toMatchObject({ kind: "retry", delayMs: 7_000 });
  });

  test("ends a run at a 410, whatever it asks for", async () => {
    const sink = await startSink((response) => response.writeHead(410, { "retry-after": "1" }).end());
    expect(await httpAction()(run({ url: sink.url }))).toMatchObject({ kind: "dead", responseStatus: 410 });
  });

  test.each([
    [404, {}, "dead"],
    [501, {}, "dead"],
    [400, {}, "retry"],
    [410, {}, "dead"],
    [404, { "retry-after": "1" }, "retry"],
  ])(
    "maps the status %d with the headers %j to %s if the flow lists 404 and 501",
    async (status, headers, kind) => {
      const sink = await startSink((response) => response.writeHead(status, headers).end());
      const { definition, ...rest } = run({ url: sink.url });
      const retry = { ...DEFAULT_RETRY, fatal_statuses: [404, 501] };
      const outcome = await httpAction()({ ...rest, definition: { ...definition, retry } });
      expect(outcome).toMatchObject({ kind, responseStatus: status });
    },
  );

  test("keeps the flow's back-off if Retry-After is 0", async () => {
    const sink = await startSink((response) => response.writeHead(503, { "retry-after": "0" }).end());
    expect(await httpAction()(run({ url: sink.url }))).not.toHaveProperty("delayMs");
  });

  test.each<[number, string]>([
    [200, "done"],
    [503, "retry"],
    [422, "dead"],
  ])("maps the status %d to %s also if its body breaks off", async (status, kind) => {
    const sink = await startSink((response) => {
      response.writeHead(status, { "content-length": 9 }).write("abc", () => response.destroy());
    });
    const outcome = await httpAction()(run({ url: sink.url }));
    expect(outcome).toMatchObject({ kind, responseStatus: status });
  });

  test("retries a request that timed out", async () => {
    const sink = await startSink(() => {});
    expect(await httpAction()(run({ url: sink.url, timeout_ms: 1 }))).toEqual({
      kind: "retry",
      error: { code: "TIMEOUT", message: `${sink.url} did not answer within 100 ms` },
      target: sink.url,
    });
  });

  test("holds the run while its target may not be called, and reports the results of calls", async () => {
    const sink = await startSink((response) => response.writeHead(sink.calls.length > 1 ? 503 : 404).end());
    const outgoing = createOutgoingHttp({ allowPrivate: "all" });
    onTestFinished(() => outgoing.close());
    const results: unknown[] = [];
    const held = { kind: "held" as const, reason: `circuit_open ${sink.url}`, delayMs: 5_000 };
    let isOpen = true;
    const targets: Targets = {
      acquire: async ({ tenantId, target }) =>
        isOpen ? held : { kind: "turn", release: (result) => results.push([tenantId, target, result?.kind]) },
    };
    const action = createHttpAction({ outgoing, clock: { now: Date.now }, targets });
    expect(await action(run({ url: `${sink.url}/orders` }))).toEqual(held);
    expect(sink.calls).toHaveLength(0);
    isOpen = false;
    await action(run({ url: `${sink.url}/orders` }));
    await action(run({ url: `${sink.url}/orders` }));
    const refusing = createOutgoingHttp({ allowPrivate: [] });
    onTestFinished(() => refusing.close());
    await createHttpAction({ outgoing: refusing, clock: { now: Date.now }, targets })(run({ url: sink.url }));
    expect(results).toEqual([
      ["acme", sink.url, "reached"],
      ["acme", sink.url, "failed"],
      ["acme", sink.url, undefined],
    ]);
  });

  test("retries after a connection error", async () => {
    const sink = await startSink((response) => response.destroy());
    expect(await httpAction()(run({ url: sink.url }))).toMatchObject({
      kind: "retry",
      error: { code: "CONNECTION" },
    });
  });

  test("does not retry a forbidden target or an invalid request", async () => {
    const sink = await startSink();
    expect(await httpAction([])(run({ url: sink.url }))).toMatchObject({
      kind: "dead",
      error: { code: "TARGET_REFUSED" },
    });
    const outcome = await httpAction()(run({ url: sink.url, headers: { "x-token": "hunter2\n" } }));
    expect(outcome).toMatchObject({ kind: "dead", error: { code: "REQUEST_INVALID" } });
    expect(JSON.stringify(outcome)).not.toContain("hunter2");
    expect(sink.connected).toBe(0);
  });

  test("aborts the request when the lease is lost", async () => {
    const sink = await startSink();
    expect(
      await httpAction()(run({ url: sink.url }, { lease: { signal: AbortSignal.abort() } })),
    ).toMatchObject({
      error: { code: "ABORTED" },
    });
    expect(sink.connected).toBe(0);
  });
});

describe("checkActionHeaders", () => {
  test("accepts ordinary headers of an action", () => {
    expect(checkActionHeaders({ Authorization: "Bearer {{secret.name}}", "X-Size": "ä" })).toEqual([]);
  });

  test("names every forbidden or malformed header of an action, and never a value", () => {
    const details = checkActionHeaders({
      "Idempotency-Key": "1",
      "Webhook-Id": "1",
      Host: "a",
      "content-length": "1",
      "Transfer-Encoding": "chunked",
      "x y": "1",
      "": "1",
      "x-token": "hunter2\r\n",
      "x-wide": "hunter2€",
      good: "1",
    });
    expect(details.map(({ field, message }) => `${field} ${message}`)).toEqual([
      "action.headers.Idempotency-Key is set by Headrace",
      "action.headers.Webhook-Id is set by Headrace",
      "action.headers.Host is set by Headrace",
      "action.headers.content-length is set by Headrace",
      "action.headers.Transfer-Encoding is set by Headrace",
      "action.headers.x y is not a header name",
      "action.headers. is not a header name",
      "action.headers.x-token holds a character that a header cannot",
      "action.headers.x-wide holds a character that a header cannot",
    ]);
  });

  test("refuses headers of an action that are too long for servers", () => {
    expect(checkActionHeaders({ "x-big": "a".repeat(7_000) })).toMatchObject([{ field: "action.headers" }]);
  });
});
