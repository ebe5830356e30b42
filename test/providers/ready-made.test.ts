import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { createOutgoingHttp } from "../../src/runtime/outgoing/index.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { type ConnectorCheck, checkConnector } from "../../src/wiring/conformance/check-connector.ts";
import type { PollingInput } from "../../src/wiring/conformance/poll-connector.ts";
import { PROVIDERS } from "../support/apis/index.ts";
import type { Provider } from "../support/apis/provider.ts";

const FOLDER = new URL("../../connectors/", import.meta.url);
const FILES = readdirSync(FOLDER).sort();
const textOf = (connector: string) => readFileSync(new URL(`${connector}.json`, FOLDER));

async function started(connector: string): Promise<Provider> {
  const provider = await (PROVIDERS[connector] as () => Promise<Provider>)();
  onTestFinished(provider.close);
  return provider;
}

/** Checks a file against its provider. Time passes only while the check waits. */
async function check(
  { connector, params, credentials }: Pick<Provider, "connector" | "params" | "credentials">,
  over: Partial<PollingInput> & {
    text?: Buffer;
    between?: () => Promise<void>;
    allowPrivate?: string[];
  } = {},
): Promise<ConnectorCheck & { waits: number[] }> {
  const outgoing = createOutgoingHttp({ allowPrivate: over.allowPrivate ?? ["127.0.0.1/32"] });
  onTestFinished(() => outgoing.close());
  const { text = textOf(connector), between, allowPrivate: _, ...polling } = over;
  let passedMs = 0;
  const waits: number[] = [];
  const checked = await checkConnector(text, {
    polling: {
      params,
      credentials,
      secrets: new Map(),
      readings: 1,
      maxPages: 100,
      maxWaitMs: 300_000,
      ...polling,
    },
    tools: {
      outgoing,
      bounds: DEFAULT_BOUNDS.fetch,
      now: () => Date.now() + passedMs,
      async wait(ms) {
        passedMs += ms;
      },
      onWait: (seconds) => void waits.push(seconds),
      ...(between !== undefined && { between }),
    },
  });
  return { ...checked, waits };
}

test("every ready-made connector has a fake of its API, and every fake a connector", () => {
  expect(FILES).toEqual(Object.keys(PROVIDERS).map((name) => `${name}.json`));
});

describe.each(Object.keys(PROVIDERS))("the ready-made connector %s", (connector) => {
  test("is read whole, with unique ids and readable times", async () => {
    const provider = await started(connector);
    const { ok, problems, source } = await check(provider);
    expect([ok, problems]).toEqual([true, []]);
    const [reading] = source?.readings ?? [];
    expect(reading).toMatchObject({
      complete: true,
      records: provider.records,
      repeated: { count: 0 },
      unreadable: { count: 0 },
      error: null,
    });
    const shown = reading?.pages.filter(({ records }) => records > 0).length;
    // A sheet is one page, however long it is.
    expect([shown, (shown ?? 0) > 2]).toEqual([provider.pages, connector !== "google-sheet"]);
    expect(reading?.updated_at?.unreadable ?? 0).toBe(0);
    expect(provider.requests.every(({ status }) => status === 200)).toBe(true);
  });

  test("waits when the API's limit refuses a page, and then reads the list whole", async () => {
    const provider = await started(connector);
    provider.refuseAfter(Math.min(1, provider.pages - 1));
    const { ok, problems, source, waits } = await check(provider);
    expect([ok, problems]).toEqual([true, []]);
    expect(provider.requests.filter(({ status }) => status !== 200)).toHaveLength(1);
    expect(source?.readings[0]).toMatchObject({ complete: true, records: provider.records });
    expect(waits).toHaveLength(1);
    expect(waits[0]).toBeGreaterThan(0);
  });

  test("shows a record that changed between two readings, and no other", async () => {
    const provider = await started(connector);
    let changed = "";
    const { source } = await check(provider, {
      readings: 2,
      async between() {
        changed = provider.change();
      },
    });
    expect(source?.difference).toMatchObject({ created: [], updated: [{ id: changed }], gone: [] });
    expect(source?.difference?.updated[0]?.fields).not.toEqual([]);
  });

  test("says that credentials are refused, and what to do", async () => {
    const { credentials, ...provider } = await started(connector);
    const wrong = Object.fromEntries(Object.keys(credentials).map((name) => [name, "wrong"]));
    const { ok, problems, source } = await check({ ...provider, credentials: wrong });
    expect([ok, source?.readings[0]?.complete]).toEqual([false, false]);
    expect(problems[0]?.message).toMatch(
      /^(?:UNAUTHORIZED|TOKEN_REFUSED|PAGE_UNREADABLE|FORBIDDEN): .*Check/,
    );
  });

  test("signs and verifies a sample, if it has a webhook, and refuses an altered one", async () => {
    const { webhook, ok } = await checkConnector(textOf(connector), {
      tools: {
        outgoing: createOutgoingHttp({ allowPrivate: [] }),
        bounds: DEFAULT_BOUNDS.fetch,
        now: Date.now,
        wait: async () => {},
      },
    });
    expect(ok).toBe(true);
    const half = JSON.parse(textOf(connector).toString()).webhook;
    if (half === undefined) return expect(webhook).toBeNull();
    expect(webhook).toMatchObject({ verified: true, refuses_altered_body: true, refuses_other_secret: true });
    expect(webhook?.events[0]?.type).toEqual(expect.any(String));
  });
});

describe("checking a connector of one's own", () => {
  test("names every field for which the API would refuse the file, in both halves", async () => {
    const text = Buffer.from(
      JSON.stringify({
        webhook: { preset: "githup" },
        source: { request: { url: "shop.example" }, ignore: ["etag"], params: { nobody: "x" } },
      }),
    );
    const { ok, problems } = await check({ connector: "x", params: {}, credentials: {} }, { text });
    expect(ok).toBe(false);
    expect(problems.map(({ field }) => field)).toEqual([
      "webhook.preset",
      "source.request.url",
      "source.ignore",
      "source.params.nobody",
    ]);
  });

  test("names unknown fields, and says when a file is not JSON or empty", async () => {
    const of = async (text: string) =>
      (await check({ connector: "x", params: {}, credentials: {} }, { text: Buffer.from(text) })).problems;
    expect(await of('{"source":{"request":{"url":"https://a.example"},"recrods":"x"}}')).toMatchObject([
      { field: "source.recrods" },
    ]);
    expect(await of("{")).toMatchObject([{ message: expect.stringContaining("JSON") }]);
    expect(await of("{}")).toMatchObject([{ message: expect.stringContaining("neither") }]);
  });

  test("names params, credentials and secrets that the source lacks", async () => {
    const source = {
      request: { url: "{base_url}/x", headers: { "x-key": "{{secret.key}}" } },
      auth: { type: "bearer" },
    };
    const text = Buffer.from(JSON.stringify({ source }));
    const { problems } = await check({ connector: "x", params: {}, credentials: {} }, { text });
    expect(problems.map(({ field }) => field)).toEqual([
      "params.base_url",
      "credentials.token",
      "secrets.key",
    ]);
  });

  test("a private address is refused unless it is allowed", async () => {
    const provider = await started("github-issues");
    const { problems } = await check(provider, { allowPrivate: [] });
    expect(problems[0]?.message).toMatch(/^TARGET_REFUSED: .*HEADRACE_ALLOW_PRIVATE_TARGETS/);
    expect(provider.requests).toEqual([]);
  });

  test("ids that are not unique, times that are none, and a wrong path of records are problems", async () => {
    const provider = await started("github-issues");
    const { source } = JSON.parse(textOf("github-issues").toString());
    const problemsOf = async (over: object) =>
      (await check(provider, { text: Buffer.from(JSON.stringify({ source: { ...source, ...over } })) }))
        .problems;
    expect(await problemsOf({ id: "state" })).toMatchObject([{ field: "source.id" }]);
    expect(await problemsOf({ updated_at: "title" })).toMatchObject([{ field: "source.updated_at" }]);
    expect(await problemsOf({ records: "issues" })).toMatchObject([
      { field: "source", message: expect.stringMatching(/^PAGE_UNREADABLE: .*records/) },
    ]);
  });

  test("a reading ends at the bound on pages, which is no problem, and the list is not complete", async () => {
    const provider = await started("github-issues");
    const { ok, source } = await check(provider, { maxPages: 2 });
    expect(ok).toBe(true);
    expect(source?.readings[0]).toMatchObject({ stopped: true, complete: false });
    expect(source?.notes).toEqual([expect.stringContaining("--max-pages")]);
  });

  test("a wait that is longer than allowed ends the check", async () => {
    const provider = await started("zendesk-tickets");
    provider.refuseAfter(1);
    const { ok, problems } = await check(provider, { maxWaitMs: 1_000 });
    expect([ok, problems[0]?.message]).toEqual([false, expect.stringContaining("--max-wait")]);
  });

  test("an altered body that the signature does not cover is noted for a token, and a problem where it is signed", async () => {
    const webhookOf = async (webhook: unknown) =>
      checkConnector(Buffer.from(JSON.stringify({ webhook })), {
        sample: { data: { type: "order.created" } },
        tools: {
          outgoing: createOutgoingHttp({ allowPrivate: [] }),
          bounds: DEFAULT_BOUNDS.fetch,
          now: Date.now,
          wait: async () => {},
        },
      });
    const token = await webhookOf({ preset: "token", params: { header: "x-token" } });
    expect(token).toMatchObject({ ok: true, webhook: { refuses_altered_body: false } });
    expect(token.webhook?.notes).toHaveLength(1);
    const scheme = {
      algorithm: "hmac-sha256",
      signature: { from: [{ header: "x-signature" }], encoding: "hex" },
      content: ["body"],
      type: { from: [{ body: "/kind" }] },
    };
    const untyped = await webhookOf({ scheme });
    expect(untyped.problems).toMatchObject([{ field: "webhook.scheme.type" }]);
    const typed = await webhookOf({ scheme: { ...scheme, type: { from: [{ body: "/type" }] } } });
    expect(typed).toMatchObject({
      ok: true,
      webhook: { refuses_altered_body: true, events: [{ type: "order.created" }] },
    });
  });
});
