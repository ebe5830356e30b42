import { readdirSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { ADMIN_KEY, serveApi } from "../contract/serve-api.ts";
import { builtProgram } from "../support/built.ts";
import type { HeadraceProcess } from "../support/process.ts";
import { receiving } from "../support/receiving.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const { connections } = DEFAULT_BOUNDS.http;
const CLIENTS = 100;
const TARDY = { withinMs: 90_000, everyMs: 200 };

function descriptors(headrace: HeadraceProcess): number {
  return readdirSync(`/proc/${headrace.pid}/fd`).length;
}

/** A client that keeps its side open even after the server closes. */
function clingTo(port: number, onConnect: (socket: Socket) => void): Socket {
  const socket = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
  socket.on("error", () => {});
  socket.on("connect", () => onConnect(socket));
  onTestFinished(() => void socket.destroy());
  return socket;
}

/** Sends a byte every 200 ms while the socket is writable. */
function drip(socket: Socket, head: string): void {
  socket.write(head);
  const timer = setInterval(() => (socket.writable ? socket.write("x") : clearInterval(timer)), 200);
  socket.once("close", () => clearInterval(timer));
}

test("sockets that send their head slowly or send nothing get 408 and are destroyed", async () => {
  const headrace = await receiving({ HEADRACE_ROLES: "api,receive" });
  const port = headrace.port;
  const before = descriptors(headrace);
  const answers: string[] = Array.from({ length: CLIENTS }, () => "");
  for (let n = 0; n < CLIENTS; n += 1) {
    const socket = clingTo(port, (own) => {
      if (n % 2 === 0) drip(own, "GET /healthz HTTP/1.1\r\nhost: h\r\nx: ");
    });
    socket.on("data", (chunk) => {
      answers[n] = (answers[n] ?? "") + chunk;
    });
  }
  await until("all are connected", () => descriptors(headrace) >= before + CLIENTS, TARDY);
  await until("their descriptors are freed", () => descriptors(headrace) <= before + 5, TARDY);
  expect(answers.filter((answer) => answer.startsWith("HTTP/1.1 408 "))).toHaveLength(CLIENTS);
  const metrics = await (await fetch(`${headrace.url}/metrics`)).text();
  const dropped = /connections_dropped_total\{reason="request_timeout"\} (\d+)/.exec(metrics)?.[1];
  expect(Number(dropped)).toBe(CLIENTS);
});

/** The API on a port with other bounds on connections, and the reasons for dropped connections. */
async function listening(over: Partial<typeof connections>) {
  const dropped: string[] = [];
  const bounds = { ...DEFAULT_BOUNDS.http, connections: { ...connections, ...over } };
  const { server } = await serveApi({ bounds, onDropped: (reason) => void dropped.push(reason) });
  await server.listen({ port: 0, host: "127.0.0.1" });
  return { server, dropped, port: (server.server.address() as { port: number }).port };
}

test("a request whose body arrives too slowly gets 408 and is closed", async () => {
  const { port, dropped } = await listening({ requestTimeoutMs: 500, headersTimeoutMs: 400, checkMs: 100 });
  let answer = "";
  const head = `PUT /api/v1/tenants/t HTTP/1.1\r\nhost: h\r\nauthorization: Bearer ${ADMIN_KEY}\r\ncontent-type: application/json\r\ncontent-length: 5000\r\n\r\n`;
  const socket = clingTo(port, (own) => drip(own, head));
  socket.on("data", (chunk) => {
    answer += chunk;
  });
  await until("the socket is closed", () => socket.destroyed || socket.closed, TARDY);
  expect(answer).toMatch(/^HTTP\/1\.1 408 /);
  expect(dropped).toContain("request_timeout");
});

test("a connection over the maximum is closed and counted, and idle ones make room", async () => {
  const { server, port, dropped } = await listening({ maxConnections: 2 });
  let answered = 0;
  const idle = [1, 2].map(() =>
    clingTo(port, (own) => own.write("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n")).on("data", () => {
      answered += 1;
    }),
  );
  for (const socket of idle) socket.on("end", () => socket.destroy());
  await until("both are answered", () => answered >= 2, TARDY);
  const over = clingTo(port, (own) => own.write("GET /healthz HTTP/1.1\r\nhost: h\r\n\r\n"));
  let bytes = 0;
  over.on("data", (chunk) => {
    bytes += chunk.length;
  });
  over.on("end", () => over.destroy());
  await until("the one over the bound is closed", () => over.destroyed, TARDY);
  expect(bytes).toBe(0);
  expect(dropped).toEqual(["max_connections"]);
  await until("idle ones are closed", () => idle.every((socket) => socket.destroyed), TARDY);
  const next = await fetch(`http://127.0.0.1:${port}/healthz`);
  expect(next.status).toBe(200);
  expect(server.server.maxConnections).toBe(2);
});

test("large responses that the client does not read are cut off", async () => {
  const { port, dropped } = await listening({ answerMs: 300 });
  const request = "GET /openapi.json HTTP/1.1\r\nhost: h\r\n\r\n";
  // More than the kernel buffers for a client that reads nothing.
  const socket = clingTo(port, (own) => own.pause().write(request.repeat(200)));
  await until("the answer is cut off", () => dropped.includes("answer_timeout"), TARDY);
  socket.resume();
  await until(
    "the socket is closed",
    () => socket.destroyed || socket.readableEnded || socket.errored !== null,
    TARDY,
  );
});
