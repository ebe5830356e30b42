import type { Socket } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { serveRaw } from "../../../test/support/local-target.ts";
import { until } from "../../../test/support/until.ts";
import { createOutgoingHttp, type OutgoingHttp, type OutgoingRequest } from "./outgoing-http.ts";

function client(): OutgoingHttp {
  const outgoing = createOutgoingHttp({ allowPrivate: "all" });
  onTestFinished(() => outgoing.close());
  return outgoing;
}

function post(url: string, rest: Partial<OutgoingRequest> = {}): OutgoingRequest {
  const headers = { "idempotency-key": "k" };
  const bounds = { timeoutMs: 1_000, maxResponseBytes: 10 };
  return { url, method: "POST", headers, body: "{}", statusDecides: true, ...bounds, ...rest };
}

/** Answers that are broken behind their status, and the beginning of their bodies that arrives. */
const BROKEN: [string, (socket: Socket) => void, string][] = [
  ["a body that never ends", (socket) => socket.write(`${OK()}content-length: 9\r\n\r\nabc`), "abc"],
  ["a body that breaks off", (socket) => socket.end(`${OK()}content-length: 9\r\n\r\nabc`), "abc"],
  ["chunks without an end", (socket) => socket.write(`${CHUNKED()}3\r\nabc\r\n`), "abc"],
  ["chunks that break off", (socket) => socket.end(`${CHUNKED()}9\r\nabc`), "abc"],
  ["chunks that are badly framed", (socket) => socket.write(`${CHUNKED()}3\r\nabc\r\nzzz\r\n`), "abc"],
  ["a body above the bound", (socket) => socket.write(`${OK()}\r\n${"a".repeat(30)}`), "aaaaaaaaaa"],
  ["two lengths", (socket) => socket.write(`${OK()}content-length: 3\r\ncontent-length: 4\r\n\r\nabc`), ""],
  ["a length that is none", (socket) => socket.write(`${OK()}content-length: many\r\n\r\nabc`), ""],
  [
    "a length and chunks",
    (socket) => socket.write(`${OK()}content-length: 3\r\n${CHUNKED().slice(OK().length)}`),
    "",
  ],
  ["a malformed header", (socket) => socket.write(`${OK()}no header\r\n\r\n`), ""],
  ["lines without CR", (socket) => socket.write("HTTP/1.1 200 OK\nx-answer: yes\n\nabc"), ""],
  ["headers that never end", (socket) => socket.write(`${OK()}x-late: `), ""],
  ["headers that break off", (socket) => socket.end(OK()), ""],
  ["headers above the bound", (socket) => socket.write(`${OK()}x: ${"a".repeat(70_000)}\r\n\r\n`), ""],
  [
    "an interim answer before it",
    (socket) => socket.write(`HTTP/1.1 103 Early\r\nlink: a\r\n\r\n${OK()}bad\r\n\r\n`),
    "",
  ],
];

function OK(): string {
  return "HTTP/1.1 200 OK\r\nx-answer: yes\r\n";
}

function CHUNKED(): string {
  return `${OK()}transfer-encoding: chunked\r\n\r\n`;
}

describe("an answer whose status decides", () => {
  test.each(BROKEN)(
    "is a response with %s, and its connection is not used again",
    async (_name, answer, body) => {
      const target = await serveRaw(answer);
      const result = await client().request(post(target.url));
      expect(result).toMatchObject({ kind: "response", status: 200, truncated: true });
      if (result.kind !== "response") return;
      expect(result.headers["x-answer"]).toBe("yes");
      expect(result.body.toString()).toBe(body);
      await until("the connection is closed", () => target.open.size === 0);
    },
  );

  test.each(BROKEN.filter(([name]) => !name.includes("bound")))(
    "is a failure with %s where the status alone does not decide",
    async (_name, answer) => {
      const target = await serveRaw(answer);
      const result = await client().request(post(target.url, { statusDecides: false, timeoutMs: 300 }));
      expect(result).toMatchObject({ kind: "failed" });
    },
  );

  test("keeps the wait that a badly framed refusal asks for", async () => {
    const target = await serveRaw((socket) => {
      socket.write("HTTP/1.1 503 No\r\nRetry-After: 6\r\nretry-after: 7\r\nContent-Length: x\r\n\r\n");
    });
    const result = await client().request(post(target.url));
    expect(result).toMatchObject({ status: 503, headers: { "retry-after": "6, 7" } });
  });

  test.each([
    ["no byte", ""],
    ["half a status line", "HTTP/1.1 20"],
    ["an interim answer alone", "HTTP/1.1 103 Early\r\nlink: a\r\n\r\n"],
    ["another protocol", "220 mail.example ESMTP\r\n"],
  ])("is a failure with %s", async (_name, text) => {
    const target = await serveRaw((socket) => socket.end(text));
    expect(await client().request(post(target.url))).toMatchObject({ kind: "failed", code: "CONNECTION" });
  });

  test("is a success also when its caller stops waiting for the body", async () => {
    const target = await serveRaw((socket) => socket.write(`${OK()}content-length: 9\r\n\r\nabc`));
    const abort = new AbortController();
    const outgoing = client();
    const result = outgoing.request(post(target.url, { signal: abort.signal, timeoutMs: 10_000 }));
    await until("the target has answered", () => [...target.open].some((socket) => socket.bytesWritten > 0));
    setTimeout(() => abort.abort(), 100).unref();
    expect(await result).toMatchObject({ status: 200, truncated: true });
  });
});

test("the headers of an answer may have 64 KiB", async () => {
  const value = "a".repeat(65_536 - OK().length - "x: \r\n\r\n".length);
  const target = await serveRaw((socket) =>
    socket.write(`${OK()}content-length: 0\r\nx: ${value.slice(20)}\r\n\r\n`),
  );
  const result = await client().request(post(target.url, { statusDecides: false }));
  expect(result).toMatchObject({ status: 200, headers: { x: value.slice(20) }, truncated: false });
});

describe("a connection that was closed while it was idle", () => {
  /** Answers the first request of each connection, and calls `onLater` for the others. */
  async function closing(onLater: (socket: Socket) => void, answers = Number.POSITIVE_INFINITY) {
    const requests: string[] = [];
    const target = await serveRaw((socket, first) => {
      requests.push(first.toString());
      if (requests.length > answers) socket.resetAndDestroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok");
      socket.on("data", (chunk) => {
        requests.push(chunk.toString());
        onLater(socket);
      });
    });
    return Object.assign(target, { requests });
  }

  test.each<[string, (socket: Socket) => void]>([
    ["reset", (socket) => socket.resetAndDestroy()],
    ["closed", (socket) => socket.end()],
  ])("and is %s at the next request has it sent once more, as it was, on a new one", async (_how, close) => {
    const target = await closing(close);
    const outgoing = client();
    for (const body of ["1", "2"]) {
      const result = await outgoing.request(post(target.url, { body }));
      expect(result).toMatchObject({ kind: "response", status: 200, truncated: false });
    }
    expect(target.connected).toBe(2);
    expect(target.requests).toHaveLength(3);
    expect(target.requests[2]).toBe(target.requests[1]);
    expect(target.requests[2]).toMatch(/idempotency-key: k\r\n[\s\S]*\r\n\r\n2$/);
  });

  test("has its request sent once more only, and the failure of the new one counts", async () => {
    const target = await closing((socket) => socket.resetAndDestroy(), 1);
    const outgoing = client();
    await outgoing.request(post(target.url));
    expect(await outgoing.request(post(target.url))).toMatchObject({ kind: "failed", code: "CONNECTION" });
    expect([target.connected, target.requests.length]).toEqual([2, 3]);
  });

  test.each<[string, (socket: Socket) => void, Partial<OutgoingRequest>]>([
    ["a byte of the answer came", (socket) => socket.end("H"), {}],
    ["the request may not be repeated", (socket) => socket.resetAndDestroy(), { headers: {} }],
  ])("has its request sent no second time if %s", async (_name, close, rest) => {
    const target = await closing(close);
    const outgoing = client();
    await outgoing.request(post(target.url));
    expect(await outgoing.request(post(target.url, rest))).toMatchObject({
      kind: "failed",
      code: "CONNECTION",
    });
    expect([target.connected, target.requests.length]).toEqual([1, 2]);
  });
});
