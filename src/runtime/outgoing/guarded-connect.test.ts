import type { IncomingMessage, ServerResponse } from "node:http";
import { describe, expect, onTestFinished, test } from "vitest";
import { serve } from "../../../test/support/local-target.ts";
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

describe("the guard", () => {
  test.each([
    "127.0.0.1",
    "127.1",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.0.0.1.",
    "１２７.0.0.1",
    "%31%32%37.0.0.1",
    "0.0.0.0",
    "0",
    "127.9.9.9",
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::127.0.0.1]",
    "[64:ff9b::127.0.0.1]",
    "localhost",
    "LOCALHOST",
  ])("refuses to connect to this machine as %s", async (host) => {
    const target = await serve(ok);
    const outgoing = client({ allowPrivate: [] });
    const result = await outgoing.request(get(`http://${host}:${target.port}/`));
    expect(result).toMatchObject({ kind: "refused", code: "TARGET_REFUSED" });
    expect(target.connected).toBe(0);
  });

  test("refuses private address literals over TLS too", async () => {
    const outgoing = client({ allowPrivate: [] });
    for (const host of ["10.0.0.1", "169.254.169.254", "[fd00:ec2::254]", "100.64.0.1"]) {
      expect(await outgoing.request(get(`https://${host}/latest/meta-data`))).toMatchObject({
        code: "TARGET_REFUSED",
      });
    }
  });

  test("the refusal of a name does not reveal its address", async () => {
    const outgoing = client({ lookup: async () => [{ address: "10.1.2.3", family: 4 }] });
    const result = await outgoing.request(get("http://intranet.example/?key=hunter2"));
    expect(result).toMatchObject({
      code: "TARGET_REFUSED",
      message: "intranet.example has no public address, and HEADRACE_ALLOW_PRIVATE_TARGETS does not allow it",
    });
  });

  test("refuses a name with one private address before it tries any", async () => {
    const target = await serve(ok);
    const outgoing = client({
      lookup: async () => [
        { address: "127.0.0.1", family: 4 },
        { address: "::ffff:10.0.0.1", family: 6 },
      ],
    });
    const result = await outgoing.request(get(`http://mixed.example:${target.port}`));
    expect(result).toMatchObject({ code: "TARGET_REFUSED" });
    expect(target.connected).toBe(0);
  });

  test("connects to the address that was checked, also when DNS is rebound", async () => {
    // 127.0.0.1 is allowed and stands in for a public address; 127.0.0.2 is the private one.
    const open = await serve((_request, response) => response.end("public"));
    const inner = await serve(ok, { port: open.port, host: "127.0.0.2" });
    const answers = ["127.0.0.1", "127.0.0.2", "127.0.0.2"];
    let lookups = 0;
    const outgoing = client({
      lookup: async () => [{ address: answers[lookups++] as string, family: 4 }],
    });
    const request = () => outgoing.request(get(`http://rebound.example:${open.port}/`));
    expect(await request()).toMatchObject({ status: 200, body: Buffer.from("public") });
    expect(lookups).toBe(1);

    // A kept connection stays with its address.
    expect(await request()).toMatchObject({ status: 200, body: Buffer.from("public") });
    expect(lookups).toBe(1);

    // A new connection is checked again.
    for (const socket of open.open) socket.destroy();
    await until("the name is refused", async () => (await request()).kind === "refused");
    expect(inner.connected).toBe(0);
  });

  test("connects to allowed addresses in any spelling, and to every address when all are allowed", async () => {
    const target = await serve(ok);
    for (const host of ["127.0.0.1", "2130706433", "[::ffff:127.0.0.1]"]) {
      expect(await client().request(get(`http://${host}:${target.port}/`))).toMatchObject({ status: 200 });
    }
    const all = client({ allowPrivate: "all" });
    expect(await all.request(get(`http://127.0.0.1:${target.port}/`))).toMatchObject({ status: 200 });
  });

  test("resolves a name once for connections that open at the same time", async () => {
    const target = await serve((_request, response) => setTimeout(() => response.end(), 20));
    let lookups = 0;
    const outgoing = client({
      lookup: async () => {
        lookups += 1;
        return [{ address: "127.0.0.1", family: 4 }];
      },
    });
    const url = `http://busy.example:${target.port}`;
    await Promise.all(Array.from({ length: 10 }, () => outgoing.request(get(url))));
    expect(target.connected).toBe(10);
    expect(lookups).toBe(1);
  });
});
