import { beforeAll, expect, test } from "vitest";
import { HandlerFault } from "../../src/domain/flow/handler-fault.ts";
import { readFlows } from "../../src/flows-folder/read-flows.ts";
import { DEFAULT_BOUNDS } from "../../src/wiring/bounds.ts";
import { builtProgram } from "../support/built.ts";
import { hostStart, loadedFlows } from "../support/flow-hosts.ts";
import { flowsFolder } from "../support/flows-folder.ts";

beforeAll(builtProgram);

const SOURCE = `
  import { defineSource, type SourceContext } from "headrace";
  export default defineSource({
    id: "shop",
    async fetchPage({ cursor, params }: SourceContext) {
      return { records: [{ id: cursor ?? params["first"] }] };
    },
  });`;
const FLOW = `
  import { defineFlow } from "headrace";
  export default defineFlow({ id: "shop", trigger: {} }, async () => {});`;

const { signal } = new AbortController();
const log = { info() {}, warn() {}, error() {} };
const OF = { tenantId: "acme", source: "orders" };

test("a file of the flows folder can define a source, even if a flow has the same id", async () => {
  const { flows, write } = await loadedFlows({ "source.ts": SOURCE, "flow.ts": FLOW });
  const context = { cursor: undefined, params: { first: "7" }, credentials: {}, signal, log };
  expect(await flows.sources.get("shop", OF)?.(context)).toEqual({ records: [{ id: "7" }] });
  expect(flows.get("shop")).toBeTypeOf("function");
  expect(flows.sources.get("other", OF)).toBeUndefined();
  write("source.ts", SOURCE.replace('"shop"', '"other"'));
  await flows.reload(signal);
  expect([flows.sources.get("shop", OF), typeof flows.sources.get("other", OF)]).toEqual([
    undefined,
    "function",
  ]);
});

test("two files that define one source are rejected", async () => {
  await expect(loadedFlows({ "a.ts": SOURCE, "b.ts": SOURCE })).rejects.toThrow(
    /b\.ts defines the source shop again: .*a\.ts has it/,
  );
});

test("a source is not a flow to store for a tenant", async () => {
  const { folder } = flowsFolder({ "source.ts": SOURCE, "flow.ts": FLOW });
  const read = await readFlows(folder, await hostStart(), DEFAULT_BOUNDS.flowHosts);
  expect(read.map(({ id, definition }) => [id, definition?.action.type])).toEqual([["shop", "code"]]);
});

test("a page of a source is JSON without loss, and a rate limit is told apart from a failure", async () => {
  const { flows } = await loadedFlows(
    {
      "shop.mjs": `export default { id: "shop", async fetchPage({ cursor, credentials, log }) {
      const pages = {
        dates: { records: [{ at: new Date(0), big: 12345678901234567890n }], next: 7, total: 2 },
        function: { records: [], next: () => {} },
        missing: { records: [], next: NaN, total: NaN },
        none: null,
        circular: { records: [globalThis] },
        huge: { records: ["x".repeat(2_000)] },
      };
      if (cursor in pages) return pages[cursor];
      if (cursor === "limit") throw Object.assign(new Error("slow down"), { status: 429, retryAfterSeconds: 5 });
      if (cursor === "loop") for (;;);
      throw new Error("no " + credentials.token);
    } };`,
    },
    { bounds: { maxPageBytes: 1_000 } },
  );
  const page = (cursor: string) =>
    Promise.resolve(
      flows.sources.get("shop", OF)?.({ cursor, params: {}, credentials: { token: "t" }, signal, log }),
    ).catch((error: unknown) => error);
  expect(await page("dates")).toEqual({
    records: [{ at: "1970-01-01T00:00:00.000Z", big: "12345678901234567890" }],
    next: "7",
    total: 2,
  });
  expect(await page("function")).toMatchObject({ next: {} });
  expect(await page("missing")).toMatchObject({ next: "NaN", total: -1 });
  expect(await page("none")).toMatchObject({ records: null });
  for (const cursor of ["circular", "huge"]) {
    const fault = await page(cursor);
    expect(fault).toBeInstanceOf(HandlerFault);
    expect(fault).toMatchObject({ code: "PAGE_UNREADABLE" });
  }
  expect(await page("limit")).toMatchObject({ message: "slow down", status: 429, retryAfterSeconds: 5 });
  expect(await page("other")).toMatchObject({ message: "no t" });
  expect(await page("loop")).toMatchObject({ code: "HANDLER_STUCK" });
});
