import { once } from "node:events";
import { connect as connectSocket } from "node:net";
import { beforeAll, expect, test } from "vitest";
import { presetScheme } from "../../src/pipeline/receive/presets/index.ts";
import { signSample } from "../../src/pipeline/receive/schemes/sign.ts";
import { builtProgram } from "../support/built.ts";
import { SECRET, signed } from "../support/deliver.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { connect, eventsOf, post, receiving } from "../support/receiving.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

const RECEIVE_ONLY = { HEADRACE_ROLES: "api,receive" };
const SCHEME = presetScheme("standard-webhooks", {});

const connectShop = (headrace: HeadraceProcess) =>
  connect(headrace, "standard-webhooks", { secret: SECRET, connector: "shop" });

/** A signed delivery of exactly these bytes. */
function signedBytes(id: string, body: Buffer): Record<string, string> {
  const { headers } = signSample({ scheme: SCHEME, secret: SECRET, body, nowMs: Date.now(), id, type: "t" });
  return { "content-type": "application/json", ...headers };
}

/** Writes to a connection, and returns everything received until it is closed. Throws if the connection is reset. */
async function exchange(headrace: HeadraceProcess, chunks: readonly string[]): Promise<string> {
  const socket = connectSocket(Number(new URL(headrace.url).port), "127.0.0.1");
  let received = "";
  socket.on("data", (chunk) => {
    received += chunk;
  });
  for (const chunk of chunks) socket.write(chunk);
  await once(socket, "close");
  return received;
}

test("a body is counted as it arrives, and the scheme's limit is exact to the byte", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  const url = await connectShop(headrace);
  const path = new URL(url).pathname;
  const full = Buffer.from(`"${"x".repeat(5_242_878)}"`);
  expect((await post(url, signedBytes("full", full), full)).status).toBe(200);
  const over = Buffer.concat([full, Buffer.from(" ")]);
  expect((await post(url, signedBytes("over", over), over)).status).toBe(413);

  const head = `POST ${path} HTTP/1.1\r\nhost: h\r\ntransfer-encoding: chunked\r\n\r\n`;
  const chunk = `10000\r\n${"x".repeat(65_536)}\r\n`;
  const streamed = await exchange(headrace, [head, ...Array.from({ length: 100 }, () => chunk)]);
  expect(streamed).toMatch(/^HTTP\/1\.1 413 .*payload_too_large/s);
  const lying = await exchange(headrace, [
    `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 99999999\r\n\r\n`,
  ]);
  expect(lying).toMatch(/^HTTP\/1\.1 413 /);

  const stated = `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: ${over.length}\r\n\r\n`;
  for (let n = 0; n < 20; n += 1) {
    expect(await exchange(headrace, [stated, over.toString()])).toMatch(
      /^HTTP\/1\.1 413 .*payload_too_large/s,
    );
  }

  const github = await connect(headrace, "github", { secret: "s" });
  expect((await post(github, {}, over)).status).toBe(401);
  const refusals = await (await fetch(`${headrace.url}/metrics`)).text();
  expect(refusals).toContain('headrace_refusals_total{code="payload_too_large"} 23');
});

test("oversized headers and encoded bodies are rejected before any lookup", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  const url = await connectShop(headrace);
  const path = new URL(url).pathname;
  const large = await exchange(headrace, [
    `POST ${path} HTTP/1.1\r\nhost: h\r\nx: ${"y".repeat(20_000)}\r\n\r\n`,
  ]);
  expect(large).toMatch(/^HTTP\/1\.1 431 .*\{"error":\{"code":"headers_too_large"/s);
  const body = Buffer.from('{"type":"t"}');
  for (const encoding of ["gzip", "br", "deflate", "zstd", "gzip, identity", "x"]) {
    const packed = await post(url, { ...signedBytes(encoding, body), "content-encoding": encoding }, body);
    expect([encoding, packed.status]).toEqual([encoding, 415]);
  }
  const plain = await post(url, { ...signedBytes("plain", body), "content-encoding": "Identity" }, body);
  expect(plain.status).toBe(200);
});

test("an impossible name gets the same response as an unknown one, without a query", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  const url = await connectShop(headrace);
  const { headers, body } = signed({ id: "m", type: "t", data: {} });
  const base = url.replace("/shop/acme", "");
  const targets = [
    ...["%00", "a%00b", "..%2f", "%F0%9F%90%98", "x".repeat(128), "x".repeat(129), "x".repeat(3_000), "a b"],
  ].flatMap((name) => [`${base}/${name}`, `${base}/${name}/acme`, `${base}/shop/${name}`, `${url}/${name}`]);
  const answers = await Promise.all(targets.map(async (target) => await post(target, headers, body)));
  const shapes = answers.map(({ status, text, headers }) =>
    JSON.stringify([status, text, [...headers].filter(([name]) => name !== "date")]),
  );
  expect([new Set(shapes).size, answers[0]?.status]).toEqual([1, 401]);
  expect(headrace.output()).not.toContain("the request failed");
  expect((await post(url, headers, body)).status).toBe(200);
});

test("a sender that disconnects within its body causes no error", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  const url = await connectShop(headrace);
  const path = new URL(url).pathname;
  for (const sent of [0, 1_000, 150_000]) {
    for (let n = 0; n < 10; n += 1) {
      const socket = connectSocket(Number(new URL(headrace.url).port), "127.0.0.1");
      await once(socket, "connect");
      const head = `POST ${path} HTTP/1.1\r\nhost: h\r\ncontent-length: 200000\r\n\r\n`;
      socket.write(head + "x".repeat(sent), () => setImmediate(() => socket.destroy()));
      await once(socket, "close");
    }
  }
  expect(headrace.output()).not.toContain("the request failed");
  const { headers, body } = signed({ id: "after", type: "t", data: {} });
  expect((await post(url, headers, body)).status).toBe(200);
});

test("a batch of up to 5,000 items becomes events in one transaction, all or none", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  await api(headrace.url, "PUT", "/connectors/many", {
    webhook: {
      scheme: {
        algorithm: "token",
        signature: { from: [{ header: "x-token" }], encoding: "text" },
        items: [""],
        type: { from: [{ literal: "one" }] },
        account: [{ item: "" }],
      },
    },
  });
  await api(headrace.url, "PUT", "/tenants/acme/endpoints/many", { secrets: [{ value: "s" }] });
  const url = `${headrace.url}/api/v1/webhooks/many/acme`;
  const send = async (items: number, target = url) => {
    const body = JSON.stringify(Array.from({ length: items }, () => 1));
    return await post(target, { "content-type": "application/json", "x-token": "s" }, body);
  };
  const startedMs = performance.now();
  const taken = await send(5_000);
  console.info(`a batch of 5,000 items: ${(performance.now() - startedMs).toFixed(0)} ms`);
  expect(taken.status).toBe(200);
  expect(new Set(JSON.parse(taken.text).event_ids).size).toBe(5_000);
  expect((await send(5_001)).status).toBe(413);
  // At the app's URL the sender is still unknown.
  expect((await send(5_001, url.replace("/acme", ""))).status).toBe(413);
  expect(await eventsOf(headrace)).toHaveLength(1_000);
});

test("authentic hostile bodies are kept byte for byte as dead letters, and other deliveries continue", async () => {
  const headrace = await receiving();
  const url = await connectShop(headrace);
  const bodies: Record<string, Buffer> = {
    prototype: Buffer.from('{"type":"t","__proto__":{"admin":true}}'),
    constructor: Buffer.from('{"type":"t","constructor":{"prototype":{"admin":true}}}'),
    marks: Buffer.from('\ufeff\ufeff{"type":"t"}'),
    utf8: Buffer.from([0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0xfe, 0x22, 0x7d]),
    nul: Buffer.from('{"type":"t"}\u0000'),
    brackets: Buffer.from("[".repeat(100_000)),
    balanced: Buffer.from("[".repeat(50_000) + "]".repeat(50_000)),
    deep: Buffer.from(`${'{"a":'.repeat(65)}1${"}".repeat(65)}`),
    cut: Buffer.from('{"type":"t"'),
    huge: Buffer.from(`{"type":"t","n":1${"0".repeat(400_000)}x}`),
  };
  const readable = [
    '{"type":"t","data":"a\\u0000b"}',
    '{"type":"t","data":"\\ud800"}',
    '{"type":"t","n":1e999}',
  ];
  const answers = await Promise.all([
    ...Object.entries(bodies).map(([id, body]) => post(url, signedBytes(id, body), body)),
    ...readable.map((body, n) => post(url, signedBytes(`readable-${n}`, Buffer.from(body)), body)),
    ...Array.from({ length: 60 }, (_, n) => {
      const { headers, body } = signed({ id: `good-${n}`, type: "t", data: {} });
      return post(url, headers, body);
    }),
  ]);
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]));
  const letters = async () =>
    (
      (await api(headrace.url, "GET", "/tenants/acme/dlq?stage=normalize&limit=100")) as {
        items: { event_id: string; event_payload: { text?: string; base64?: string } }[];
      }
    ).items;
  await until("they are dead letters", async () => (await letters()).length === Object.keys(bodies).length);
  const kept = new Map(
    (await letters()).map(({ event_id, event_payload: { text, base64 } }) => [
      event_id,
      text === undefined ? Buffer.from(base64 ?? "", "base64") : Buffer.from(text),
    ]),
  );
  for (const [index, [name, body]] of Object.entries(bodies).entries()) {
    const { event_id } = JSON.parse(answers[index]?.text ?? "{}") as { event_id: string };
    expect([name, kept.get(event_id)?.equals(body)]).toEqual([name, true]);
  }
  await until("the others are routed on", async () => {
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/events?status=accepted")) as {
      items: unknown[];
    };
    return items.length === 0;
  });
  expect(headrace.ended).toBe(false);
  expect(headrace.output()).not.toContain("the request failed");
});

test("the time of a rejection does not reveal its reason, even for a name's first use", async () => {
  const headrace = await receiving(RECEIVE_ONLY);
  const url = await connectShop(headrace);
  await api(headrace.url, "PUT", "/tenants/acme/endpoints/shop/off", {
    secrets: [{ value: SECRET }],
    enabled: false,
  });
  const forged = { "webhook-signature": `v1,${Buffer.alloc(32).toString("base64")}` };
  const kinds: Record<string, (n: number) => [string, Record<string, string>]> = {
    "wrong signature": () => [url, forged],
    disabled: () => [`${url}/off`, {}],
    "no such endpoint": (n) => [`${url}/none-${n}`, {}],
    "no such tenant": (n) => [url.replace("acme", `nobody-${n}`), {}],
    "no such connector": (n) => [url.replace("shop", `none-${n}`), {}],
  };
  let met = 0;
  /** The median time of each kind, ms. The kinds take turns, so that other load affects all of them alike. */
  async function medians(): Promise<Map<string, number>> {
    const tookMs = new Map(Object.keys(kinds).map((kind) => [kind, [] as number[]]));
    for (let round = 0; round < 25; round += 1) {
      met += 1;
      for (const [kind, target] of Object.entries(kinds)) {
        const { headers, body } = signed({ id: `m-${met}`, type: "t", data: { note: "x".repeat(1_000) } });
        const [to, over] = target(met);
        const startedMs = performance.now();
        const { status } = await post(to, { ...headers, ...over }, body);
        tookMs.get(kind)?.push(performance.now() - startedMs);
        expect(status).toBe(401);
      }
    }
    return new Map([...tookMs].map(([kind, times]) => [kind, times.sort((a, b) => a - b)[12] as number]));
  }
  await until(
    "the times of all kinds lie within 5 ms",
    async () => {
      const times = await medians();
      console.info(`refusals: ${[...times].map(([kind, ms]) => `${kind} ${ms.toFixed(1)} ms`).join(", ")}`);
      const all = [...times.values()];
      expect(Math.min(...all)).toBeGreaterThanOrEqual(19);
      return Math.max(...all) - Math.min(...all) < 5;
    },
    { withinMs: 60_000 },
  );
}, 90_000);
