import { getEventListeners } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { serve, serveRaw } from "../../../test/support/local-target.ts";
import { until } from "../../../test/support/until.ts";
import { createOutgoingHttp, type OutgoingHttp, type OutgoingRequest } from "./outgoing-http.ts";

function client(options: Partial<Parameters<typeof createOutgoingHttp>[0]> = {}): OutgoingHttp {
  const outgoing = createOutgoingHttp({ allowPrivate: ["127.0.0.1/32"], ...options });
  onTestFinished(() => outgoing.close());
  return outgoing;
}

function get(url: string, rest: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { url, method: "GET", headers: {}, timeoutMs: 5_000, maxResponseBytes: 10_000, ...rest };
}

const ok = (_request: IncomingMessage, response: ServerResponse) => response.end("ok");

describe("own targets", () => {
  test("own targets may be called on loopback, and onRefused gets the range of a refused address", async () => {
    const target = await serve(ok);
    const refused: [string, string][] = [];
    const outgoing = client({
      allowPrivate: [],
      ownTargets: new Set([`${target.url}/sink`]),
      onRefused: (host, range) => refused.push([host, range]),
      lookup: async () => [{ address: "127.0.0.1", family: 4 }],
    });
    expect(await outgoing.request(get(`${target.url}/sink?a=b`))).toMatchObject({ status: 200 });
    for (const path of ["/", "/sink/", "/sink/../other", "/Sink"]) {
      expect(await outgoing.request(get(target.url + path))).toMatchObject({ code: "TARGET_REFUSED" });
    }
    const named = await outgoing.request(get(`http://name.example:${target.port}/sink`));
    expect(named).toMatchObject({ code: "TARGET_REFUSED", message: expect.not.stringContaining("loopback") });
    expect(refused.at(-1)).toEqual(["name.example", "loopback"]);
    expect(refused.slice(0, -1)).toEqual(Array(4).fill(["127.0.0.1", "loopback"]));
  });
});

describe("a request", () => {
  test("an outgoing request carries method, path, headers and body, and returns the whole response", async () => {
    const target = await serve((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk) => chunks.push(chunk));
      request.on("end", () => {
        response.writeHead(201, { "X-Answer": "yes", "Set-Cookie": ["a=1", "b=2"] });
        const { method, url, headers } = request;
        response.end(JSON.stringify({ method, url, headers, body: Buffer.concat(chunks).toString() }));
      });
    });
    const result = await client().request({
      ...get(`${target.url}/a/b?c=d%20e#f`),
      method: "POST",
      headers: { "X-Mine": "1" },
      body: Buffer.from("größe"),
    });
    expect(result).toMatchObject({
      kind: "response",
      status: 201,
      truncated: false,
      headers: { "x-answer": "yes", "set-cookie": "a=1, b=2" },
    });
    expect(JSON.parse(String(result.kind === "response" && result.body))).toMatchObject({
      method: "POST",
      url: "/a/b?c=d%20e",
      body: "größe",
      headers: {
        host: `127.0.0.1:${target.port}`,
        "x-mine": "1",
        "user-agent": "headrace",
        "content-length": "7",
      },
    });
  });

  test("an outgoing request removes its listener from the caller's signal", async () => {
    const target = await serve(ok);
    const { signal } = new AbortController();
    expect(await client().request(get(target.url, { signal }))).toMatchObject({ status: 200 });
    expect(getEventListeners(signal, "abort")).toEqual([]);
  });

  test("an outgoing request does not follow redirects", async () => {
    const inner = await serve(ok);
    const target = await serve((_request, response) =>
      response.writeHead(302, { location: inner.url }).end(),
    );
    expect(await client().request(get(target.url))).toMatchObject({
      kind: "response",
      status: 302,
      headers: { location: inner.url },
    });
    expect(inner.connected).toBe(0);
  });

  test("an outgoing request returns the response that follows interim ones", async () => {
    const target = await serve((_request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.end("ok");
    });
    expect(await client().request(get(target.url))).toMatchObject({ status: 200, body: Buffer.from("ok") });
  });

  test("a response above the bound is cut off and its connection closed", async () => {
    const target = await serve((_request, response) => {
      const write = () => {
        while (!response.destroyed && response.write(Buffer.alloc(4_096, "x")));
      };
      response.on("drain", write);
      write();
    });
    const result = await client().request(get(target.url));
    expect(result).toMatchObject({ kind: "response", status: 200, truncated: true });
    expect(result.kind === "response" && result.body.length).toBe(10_000);
    await until("the connection is closed", () => target.open.size === 0);
  });

  test("a response exactly at the bound is not truncated", async () => {
    const target = await serve((_request, response) => response.end("x".repeat(10_000)));
    expect(await client().request(get(target.url))).toMatchObject({ status: 200, truncated: false });
  });

  test.each<[string, Partial<OutgoingRequest>]>([
    ["another scheme", { url: "ftp://127.0.0.1/" }],
    ["a file", { url: "file:///etc/passwd" }],
    ["no URL", { url: "127.0.0.1/hook" }],
    ["a password in the URL", { url: "http://user:hunter2@127.0.0.1/" }],
    ["an unknown method", { method: "CONNECT" }],
    ["a Host header", { headers: { Host: "metadata.internal" } }],
    ["its own framing", { headers: { "transfer-encoding": "chunked" } }],
    ["a header name with a space", { headers: { "x y": "1" } }],
    ["a header value with a line break", { headers: { "x-token": "hunter2\r\nx-evil: 1" } }],
  ])("an outgoing request with %s is refused without quoting secrets", async (_what, part) => {
    const target = await serve(ok);
    const result = await client().request(get(target.url, part));
    expect(result).toMatchObject({ kind: "refused", code: "REQUEST_INVALID" });
    expect(JSON.stringify(result)).not.toMatch(/hunter2|passwd|metadata/);
    expect(target.connected).toBe(0);
  });
});

describe("a fault", () => {
  test("a target that accepts and never answers is a TIMEOUT", async () => {
    const target = await serve(() => {});
    expect(await client().request(get(target.url, { timeoutMs: 100 }))).toEqual({
      kind: "failed",
      code: "TIMEOUT",
      message: `${target.url} did not answer within 100 ms`,
    });
    await until("the connection is closed", () => target.open.size === 0);
  });

  test("a body that trickles without end is a TIMEOUT", async () => {
    const target = await serve((_request, response) => {
      const timer = setInterval(() => response.write("."), 5);
      response.on("close", () => clearInterval(timer));
    });
    expect(await client().request(get(target.url, { timeoutMs: 200 }))).toMatchObject({
      code: "TIMEOUT",
      message: `The response of ${target.url} did not end within 200 ms`,
    });
  });

  test("a name that takes too long to resolve is a TIMEOUT, and the request is not sent later", async () => {
    let requests = 0;
    const target = await serve((_request, response) => {
      requests += 1;
      response.end();
    });
    let resolveName = () => {};
    const resolvable = new Promise<void>((resolve) => {
      resolveName = resolve;
    });
    const outgoing = client({
      lookup: async () => {
        await resolvable;
        return [{ address: "127.0.0.1", family: 4 }];
      },
      bounds: { maxConnectionsPerOrigin: 1 },
    });
    const url = `http://slow.example:${target.port}`;
    expect(await outgoing.request(get(url, { timeoutMs: 50 }))).toMatchObject({
      code: "TIMEOUT",
      message: `No connection to ${url} was established within 50 ms`,
    });
    const next = outgoing.request(get(url));
    resolveName();
    expect(await next).toMatchObject({ status: 200 });
    expect(requests).toBe(1);
  });

  test.each<[string, (socket: Socket) => void, RegExp]>([
    ["resets the connection", (socket) => socket.resetAndDestroy(), /ECONNRESET|UND_ERR_SOCKET/],
    ["closes without an answer", (socket) => socket.end(), /UND_ERR_SOCKET/],
    [
      "closes within the body",
      (socket) => socket.end("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nabc"),
      /UND_ERR/,
    ],
    [
      "answers in another protocol than HTTP",
      (socket) => socket.end("220 mail.example ESMTP\r\n"),
      /HPE_|HTTPParserError/,
    ],
    [
      "sends a head without an end",
      (socket) => socket.write(`HTTP/1.1 200 OK\r\nx: ${"a".repeat(70_000)}`),
      /OVERFLOW/,
    ],
  ])("the fault is CONNECTION when the target %s", async (_what, answer, code) => {
    const target = await serveRaw(answer);
    const result = await client().request(get(target.url));
    expect(result).toMatchObject({ kind: "failed", code: "CONNECTION" });
    expect(result.kind === "failed" && result.message).toMatch(code);
  });

  test("the fault is CONNECTION when nothing listens or the name is unknown", async () => {
    const target = await serve(ok);
    await target.close();
    expect(await client().request(get(target.url))).toMatchObject({
      code: "CONNECTION",
      message: `The connection to ${target.url} failed (ECONNREFUSED)`,
    });
    const unknown = client({ lookup: async () => [] });
    expect(await unknown.request(get("http://unknown.example"))).toMatchObject({
      code: "CONNECTION",
      message: "The connection to http://unknown.example failed (ENOTFOUND)",
    });
  });

  test("a request that its caller aborts, before or while it is under way, is ABORTED", async () => {
    const target = await serve(() => {});
    const outgoing = client();
    expect(await outgoing.request(get(target.url, { signal: AbortSignal.abort() }))).toMatchObject({
      code: "ABORTED",
    });
    expect(target.connected).toBe(0);
    const abort = new AbortController();
    const result = outgoing.request(get(target.url, { signal: abort.signal }));
    await until("the target has a connection", () => target.connected === 1);
    abort.abort();
    expect(await result).toMatchObject({ kind: "failed", code: "ABORTED" });
    await until("the connection is closed", () => target.open.size === 0);
  });
});
