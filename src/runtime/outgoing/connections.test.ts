import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { serve } from "../../../test/support/local-target.ts";
import { until } from "../../../test/support/until.ts";
import {
  createOutgoingHttp,
  type OutgoingBounds,
  type OutgoingHttp,
  type OutgoingRequest,
} from "./outgoing-http.ts";

function limited(bounds: Partial<OutgoingBounds> = {}): OutgoingHttp {
  const outgoing = createOutgoingHttp({ allowPrivate: ["127.0.0.1/32"], bounds });
  onTestFinished(() => outgoing.close());
  return outgoing;
}

function get(url: string, rest: Partial<OutgoingRequest> = {}): OutgoingRequest {
  return { url, method: "GET", headers: {}, timeoutMs: 5_000, maxResponseBytes: 10_000, ...rest };
}

const ok = (_request: IncomingMessage, response: ServerResponse) => response.end("ok");

describe("connections", () => {
  test("connections to one origin are reused", async () => {
    const target = await serve(ok);
    const outgoing = limited();
    for (let count = 0; count < 20; count += 1) {
      expect(await outgoing.request(get(target.url))).toMatchObject({ status: 200 });
    }
    expect(target.connected).toBe(1);
  });

  test("a connection slot stays usable after requests that were refused or failed", async () => {
    const target = await serve((request, response) => {
      if (request.url === "/reset") request.socket.destroy();
      else response.end();
    });
    const outgoing = limited({ maxConnectionsPerOrigin: 1 });
    for (let count = 0; count < 5; count += 1) {
      const invalid = await outgoing.request(get(target.url, { headers: { "x-a": "\n" } }));
      expect(invalid).toMatchObject({ code: "REQUEST_INVALID" });
      expect(await outgoing.request(get(`${target.url}/reset`))).toMatchObject({ code: "CONNECTION" });
      expect(await outgoing.request(get(target.url))).toMatchObject({ status: 200 });
    }
  });

  test("hanging requests of one owner leave other owners their connections to the same origin", async () => {
    const hanging: ServerResponse[] = [];
    const target = await serve((request, response) => {
      if (request.url === "/hang") hanging.push(response);
      else response.end();
    });
    const outgoing = limited({ maxConnectionsPerOrigin: 2, maxWaitingPerOrigin: 1 });
    const hang = () => outgoing.request(get(`${target.url}/hang`, { owner: "hog" }));
    const hung = [hang(), hang(), hang()];
    await until("all that it may have hang", () => hanging.length === 2);
    expect(await hang()).toMatchObject({ code: "OVERLOADED" });
    expect(await outgoing.request(get(target.url, { owner: "other" }))).toMatchObject({ status: 200 });
    expect(await outgoing.request(get(target.url))).toMatchObject({ status: 200 });
    for (const response of hanging.splice(0)) response.end();
    await until("the one that waited was sent", () => hanging.length === 1);
    hanging[0]?.end();
    await Promise.all(hung);
  });

  test("connections per origin are bounded, and waiting requests go in order or time out", async () => {
    let atOnce = 0;
    let most = 0;
    const paths: (string | undefined)[] = [];
    const target = await serve((request, response) => {
      most = Math.max(most, ++atOnce);
      paths.push(request.url);
      setTimeout(() => {
        atOnce -= 1;
        response.end();
      }, 10);
    });
    const outgoing = limited({ maxConnectionsPerOrigin: 1 });
    const wanted = Array.from({ length: 12 }, (_, index) => `/${index}`);
    const ask = (path: string) => outgoing.request(get(target.url + path));
    const early = wanted.slice(0, 6).map(ask);
    const hurried = outgoing.request(get(`${target.url}/hurried`, { timeoutMs: 5 }));
    const late = wanted.slice(6).map(ask);
    expect(await hurried).toMatchObject({
      code: "TIMEOUT",
      message: `No connection to ${target.url} was free within 5 ms`,
    });
    for (const result of await Promise.all([...early, ...late]))
      expect(result).toMatchObject({ status: 200 });
    expect(most).toBe(1);
    expect(target.connected).toBe(1);
    expect(paths).toEqual(wanted);
  });

  test("a request beyond the bound on waiting ones is OVERLOADED", async () => {
    const pending: ServerResponse[] = [];
    const target = await serve((_request, response) => pending.push(response));
    const outgoing = limited({ maxConnectionsPerOrigin: 1, maxWaitingPerOrigin: 1 });
    const first = outgoing.request(get(target.url));
    const second = outgoing.request(get(target.url));
    expect(await outgoing.request(get(target.url))).toMatchObject({ kind: "failed", code: "OVERLOADED" });
    await until("the first is asked", () => pending.length === 1);
    pending[0]?.end();
    expect(await first).toMatchObject({ status: 200 });
    await until("the second is asked", () => pending.length === 2);
    pending[1]?.end();
    expect(await second).toMatchObject({ status: 200 });
  });

  test("an idle connection makes room when the total is reached, and a busy one does not", async () => {
    const [one, other] = [
      await serve(ok),
      await serve((request, response) => void (request.url === "/" && response.end())),
    ];
    const outgoing = limited({ maxConnections: 1 });
    expect(await outgoing.request(get(one.url))).toMatchObject({ status: 200 });
    expect(await outgoing.request(get(other.url))).toMatchObject({ status: 200 });
    await until("the idle connection is closed", () => one.open.size === 0);
    const busy = outgoing.request(get(`${other.url}/hang`, { timeoutMs: 100 }));
    expect(await outgoing.request(get(one.url))).toMatchObject({ code: "OVERLOADED" });
    expect(await busy).toMatchObject({ code: "TIMEOUT" });
    await until("there is room", async () => (await outgoing.request(get(one.url))).kind === "response");
  });

  test("a connection closed to make room is not reused, and the others of its origin are", async () => {
    const [one, other] = [await serve(ok), await serve(ok)];
    const outgoing = limited({ maxConnections: 2 });
    const askTwice = () => Promise.all([outgoing.request(get(one.url)), outgoing.request(get(one.url))]);
    const twoAnswers = [{ status: 200 }, { status: 200 }];
    expect(await askTwice()).toMatchObject(twoAnswers);
    expect(await outgoing.request(get(other.url))).toMatchObject({ status: 200 });
    expect(await askTwice()).toMatchObject(twoAnswers);
    expect(one.connected).toBe(3);
  });

  test("a connection closes after its idle time-out and after its maximum of requests", async () => {
    const target = await serve(ok);
    await limited({ idleTimeoutMs: 50, maxIdleTimeoutMs: 50 }).request(get(target.url));
    expect(target.open.size).toBe(1);
    await until("the connection is closed", () => target.open.size === 0);
    const outgoing = limited({ maxRequestsPerConnection: 2 });
    const before = target.connected;
    for (let count = 0; count < 6; count += 1) await outgoing.request(get(target.url));
    expect(target.connected - before).toBeGreaterThan(1);
    expect(target.connected - before).toBeLessThan(6);
  });

  test("close aborts requests that are under way, wait or come later", async () => {
    const target = await serve(() => {});
    const outgoing = limited({ maxConnectionsPerOrigin: 1 });
    const underWay = outgoing.request(get(target.url));
    const waiting = outgoing.request(get(target.url));
    await until("the target has a connection", () => target.connected === 1);
    await outgoing.close();
    const later = outgoing.request(get(target.url));
    for (const result of await Promise.all([underWay, waiting, later])) {
      expect(result).toEqual({ kind: "failed", code: "ABORTED", message: "This process is stopping" });
    }
    await until("the connection is closed", () => target.open.size === 0);
  });
});
