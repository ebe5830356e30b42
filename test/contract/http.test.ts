import { hash } from "node:crypto";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { open } from "../support/database.ts";
import { ADMIN_KEY, serveApi } from "./serve-api.ts";

describe("the server", () => {
  test("openapi.json describes every API route, and its references resolve", async () => {
    const api = await serveApi();
    const document = (await api.server.inject("/openapi.json")).json();
    expect([document.openapi, document.info.version]).toEqual(["3.1.0", "1.2.3"]);
    const text = JSON.stringify(document);
    for (const [, name] of text.matchAll(/"#\/components\/schemas\/(\w+)"/g)) {
      expect(document.components.schemas).toHaveProperty(name as string);
    }
    const operations = Object.entries<Record<string, Record<string, unknown>>>(document.paths).flatMap(
      ([path, methods]) =>
        Object.entries(methods).map(([method, operation]) => ({ path, method, ...operation })),
    );
    for (const operation of operations) {
      expect(operation).toMatchObject({ summary: expect.any(String), tags: [expect.any(String)] });
      const placeholders = [...operation.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1]);
      const { parameters = [] } = operation as { parameters?: { name: string; in: string }[] };
      expect(parameters.filter((one) => one.in === "path").map((one) => one.name)).toEqual(placeholders);
    }
    const routes = new Set(operations.map(({ method, path }) => `${method} ${path}`));
    const t = "/api/v1/tenants/{tenant_id}";
    for (const route of [
      ...["put", "get", "delete"].flatMap((method) =>
        [t, "/api/v1/connectors/{connector}", `${t}/endpoints/{connector}`, `${t}/flows/{flow}`].map(
          (path) => `${method} ${path}`,
        ),
      ),
      ...["/api/v1/tenants", "/api/v1/connectors", "/api/v1/keys", "/api/v1/dlq"].map(
        (path) => `get ${path}`,
      ),
      ...["endpoints", "flows", "events", "runs", "dlq", "events/{id}", "runs/{id}", "dlq/{id}"].map(
        (path) => `get ${t}/${path}`,
      ),
      ...["deploy", "undeploy"].map((verb) => `post ${t}/flows/{flow}/${verb}`),
      ...[
        `post ${t}/events`,
        `post ${t}/endpoints/{connector}/{endpoint}/rotate`,
        "post /api/v1/keys",
        "get /healthz",
      ],
    ]) {
      expect(routes).toContain(route);
    }
  });

  test("rejects bodies that are not JSON, too large or harmful, each with its own status", async () => {
    const api = await serveApi();
    const cases: [body: string, status: number, code: string, contentType?: string][] = [
      ['{"name":', 400, "invalid_request"],
      ['{"__proto__":{"admin":true}}', 400, "invalid_request"],
      ["[".repeat(1_000_000), 400, "invalid_request"],
      ["1".repeat(1_048_577), 413, "payload_too_large"],
      ["x", 415, "unsupported_media_type", "text/plain"],
    ];
    for (const [payload, status, code, contentType = "application/json"] of cases) {
      const answer = await api.server.inject({
        method: "PUT",
        url: "/api/v1/tenants/acme",
        payload,
        headers: { "content-type": contentType, authorization: `Bearer ${ADMIN_KEY}` },
      });
      expect([payload.slice(0, 9), answer.statusCode, answer.json().error.code]).toEqual([
        payload.slice(0, 9),
        status,
        code,
      ]);
    }
  });

  test("responds to a wrong method with the allowed ones, and to an unknown path with 404", async () => {
    const api = await serveApi();
    const patched = await api.call("PATCH", "/tenants/acme", {});
    expect([patched.status, patched.headers["allow"], patched.body.error.code]).toEqual([
      405,
      "DELETE, GET, HEAD, PUT",
      "method_not_allowed",
    ]);
    const unknown = await api.call("GET", "/nope?x=1");
    expect([unknown.status, unknown.body.error]).toEqual([
      404,
      { code: "not_found", message: "There is no /api/v1/nope" },
    ]);
    expect((await api.call("GET", "/tenants/%00")).status).toBe(400);
    expect((await api.call("GET", "/tenants/%ff")).status).toBe(400);
  });

  test("responds 503 with Retry-After while PostgreSQL is down, without disclosing its address", async () => {
    const database = open("postgres://nobody@127.0.0.1:1/none");
    onTestFinished(() => database.close());
    const api = await serveApi({ database });
    const { status, headers, body } = await api.call("GET", "/tenants");
    expect([status, headers["retry-after"], body.error.code]).toEqual([503, "2", "store_unavailable"]);
    expect(body.error.message).not.toMatch(/127|refused|postgres/i);
    expect(api.logged.join()).toContain("ECONNREFUSED");
  });

  test("responds to an unexpected error with a request id, and logs the cause", async () => {
    const api = await serveApi({ readiness: () => Promise.reject(new Error("it is broken")) });
    const answer = await api.server.inject("/readyz");
    const requestId = answer.headers["x-request-id"] as string;
    expect(answer.statusCode).toBe(500);
    expect(answer.json().error).toEqual({ code: "internal", message: expect.stringContaining(requestId) });
    expect(answer.body).not.toContain("broken");
    expect(
      api.logged.filter((line) => line.includes(requestId) && line.includes("it is broken")),
    ).toHaveLength(1);
  });

  test("rejects text that PostgreSQL cannot store", async () => {
    const api = await serveApi();
    const { status, body } = await api.call("PUT", "/connectors/x", {
      source: { handler: "x", ignore: ["/a\u0000b"] },
    });
    expect([status, body.error.message]).toEqual([
      400,
      "A text contains the NUL character or a lone surrogate, which cannot be stored",
    ]);
    expect((await api.call("PUT", "/tenants/acme", { name: "a\u0000b" })).status).toBe(400);
  });

  test("responds to oversized headers and to malformed HTTP with the API's error body", async () => {
    const api = await serveApi();
    await api.server.listen({ port: 0, host: "127.0.0.1" });
    const { port } = api.server.addresses()[0] as { port: number };
    expect(await exchange(port, `GET /healthz HTTP/1.1\r\nx: ${"y".repeat(40_000)}\r\n\r\n`)).toMatch(
      /^HTTP\/1\.1 431 .*\{"error":\{"code":"headers_too_large"/s,
    );
    expect(await exchange(port, "nonsense\r\n\r\n")).toMatch(
      /^HTTP\/1\.1 400 .*\{"error":\{"code":"invalid_request"/s,
    );
  });

  test("healthz and readyz need no key", async () => {
    const checks = { redis: { ok: false, detail: "no answer" } };
    const api = await serveApi({ readiness: async () => ({ ready: false, checks }) });
    expect((await api.server.inject("/healthz")).json()).toEqual({ status: "ok" });
    const readyz = await api.server.inject("/readyz");
    expect([readyz.statusCode, readyz.json()]).toEqual([503, { ready: false, checks }]);
    expect((await api.server.inject("/metrics")).statusCode).toBe(200);
  });

  test("serves /metrics to loopback only without a metrics key, and to its bearer with one", async () => {
    const open = await serveApi();
    const metrics = async (api: typeof open, headers: Record<string, string>, remoteAddress = "127.0.0.1") =>
      (await api.server.inject({ url: "/metrics", headers, remoteAddress })).statusCode;
    for (const own of ["127.0.0.1", "127.8.0.1", "::1", "::ffff:127.0.0.1"])
      expect(await metrics(open, {}, own)).toBe(200);
    for (const other of ["10.0.0.1", "8.8.8.8", "::ffff:10.0.0.1"])
      expect(await metrics(open, {}, other)).toBe(401);
    for (const name of ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "x-forwarded-host"])
      expect(await metrics(open, { [name]: "127.0.0.1" })).toBe(401);
    const closed = await serveApi({ metricsKey: "a-key-of-the-scraper" });
    expect(await metrics(closed, {})).toBe(401);
    expect(await metrics(closed, { authorization: "Bearer a-key-of-the-scrapes" })).toBe(401);
    const right = { authorization: "Bearer a-key-of-the-scraper", "x-forwarded-for": "8.8.8.8" };
    expect(await metrics(closed, right, "8.8.8.8")).toBe(200);
  });

  test("sends nosniff and no-store headers, and rejects two Host headers", async () => {
    const api = await serveApi();
    for (const [path, code] of [
      ["/", 200],
      ["/healthz", 200],
      ["/nothing", 404],
    ] as const) {
      const { statusCode, headers } = await api.server.inject(path);
      expect([statusCode, headers["x-content-type-options"]]).toEqual([code, "nosniff"]);
    }
    const { headers, status } = await api.call("POST", "/keys", { name: "k", scope: "read" });
    expect([status < 300, headers["cache-control"]]).toEqual([true, "no-store"]);
    expect((await api.call("GET", "/tenants", undefined, "")).headers["cache-control"]).toBe("no-store");
    await api.server.listen({ port: 0, host: "127.0.0.1" });
    const { port } = api.server.addresses()[0] as { port: number };
    const twice = await exchange(
      port,
      "GET /healthz HTTP/1.1\r\nHost: a\r\nhost: b\r\nConnection: close\r\n\r\n",
    );
    expect(twice).toMatch(/^HTTP\/1\.1 400 .*\{"error":\{"code":"invalid_request"/s);
    expect(await exchange(port, "nonsense\r\n\r\n")).toContain("X-Content-Type-Options: nosniff");
  });

  test("serves a page whose content security policy admits only its own script and style", async () => {
    const api = await serveApi();
    const page = await api.server.inject("/");
    const policy = page.headers["content-security-policy"] as string;
    for (const tag of ["script", "style"]) {
      const [, text = ""] = new RegExp(`<${tag}>(.*)</${tag}>`, "s").exec(page.body) ?? [];
      expect(policy).toContain(`${tag}-src 'sha256-${hash("sha256", text, "base64")}'`);
    }
    expect(policy).toContain("default-src 'none'");
  });

  test("serves neither API nor page without the role api", async () => {
    const api = await serveApi({ serveApi: false });
    expect((await api.call("GET", "/tenants")).status).toBe(404);
    expect((await api.server.inject("/")).statusCode).toBe(404);
    expect((await api.server.inject("/healthz")).statusCode).toBe(200);
  });
});

/** Sends bytes and resolves with everything that came back until the connection ended. */
function exchange(port: number, bytes: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    let received = "";
    socket.on("data", (chunk) => {
      received += chunk;
    });
    socket.on("error", reject);
    socket.on("close", () => resolve(received));
  });
}
