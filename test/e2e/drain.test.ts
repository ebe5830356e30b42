import { once } from "node:events";
import { connect } from "node:net";
import { text } from "node:stream/consumers";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { SECRET, signed } from "../support/deliver.ts";
import { api } from "../support/process.ts";
import { connect as connectPreset, receiving } from "../support/receiving.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test("SIGTERM turns readiness red while requests are served, until SIGINT ends the notice", {
  timeout: 120_000,
}, async () => {
  const headrace = await receiving({ HEADRACE_DRAIN_NOTICE_MS: "600000" });
  await connectPreset(headrace, "standard-webhooks", { secret: SECRET });
  const kept = await fetch(`${headrace.url}/healthz`);
  expect(kept.headers.get("connection")).not.toBe("close");

  process.kill(headrace.pid, "SIGTERM");
  const readiness = () => fetch(`${headrace.url}/readyz`);
  await until("readiness is red", async () => (await readiness()).status === 503);
  process.kill(headrace.pid, "SIGTERM");
  const body = (await (await readiness()).json()) as { checks: Record<string, unknown> };
  expect(body.checks["process"]).toEqual({ ok: false, detail: "stopping" });
  const { headers, body: delivery } = signed({ id: "d1", type: "ping", data: {} });
  const url = `${headrace.url}/api/v1/webhooks/standard-webhooks/acme`;
  const answer = await fetch(url, { method: "POST", headers, body: delivery });
  expect([answer.status, answer.headers.get("connection")]).toEqual([200, "close"]);
  expect(await api(headrace.url, "GET", "/tenants/acme")).toMatchObject({ id: "acme" });

  expect(await headrace.end("SIGINT")).toBe(0);
});

test("a request whose body is still arriving when the drain begins is answered, then closed", {
  timeout: 120_000,
}, async () => {
  const headrace = await receiving();
  await connectPreset(headrace, "standard-webhooks", { secret: SECRET });
  const { headers, body } = signed({ id: "d2", type: "ping", data: {} });
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  const socket = connect(headrace.port, "127.0.0.1");
  const received = text(socket);
  await once(socket, "connect");
  socket.write(
    `POST /api/v1/webhooks/standard-webhooks/acme HTTP/1.1\r\nHost: h\r\n${lines.join("")}Content-Length: ${body.length}\r\n\r\n`,
  );
  socket.write(body.slice(0, 10));
  // Once another connection is answered, the head of this one has been read.
  await fetch(`${headrace.url}/healthz`);
  const ended = headrace.end("SIGTERM");
  const refusesOthers = () =>
    fetch(`${headrace.url}/healthz`).then(
      () => false,
      () => true,
    );
  await until("it listens no more", refusesOthers, { everyMs: 10 });
  socket.write(body.slice(10));
  expect(await received).toMatch(/^HTTP\/1\.1 200 OK\r\n(?=.*connection: close).*"accepted"/is);
  expect(await ended).toBe(0);
});
