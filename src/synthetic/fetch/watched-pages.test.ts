import { expect, test } from "vitest";
import type { PolledSource } from "../sources/polled-source.ts";
import type { FetchPages, FetchReport } from "./fetched-page.ts";
import { watchPages } from "./watched-pages.ts";

const SOURCE = { tenantId: "acme", source: "orders" } as PolledSource;
const REPORT: FetchReport = { end: { kind: "last_page" }, requests: 3, rateLimit: undefined };

function setUp() {
  const seen: string[] = [];
  const fetchPages = (): FetchPages =>
    async function* pages() {
      try {
        for (const ref of ["1", "2", "3"]) {
          seen.push(`sent ${ref}`);
          yield { ref, readAtMs: 0, records: [], total: undefined, memory: { records: 0 } };
        }
        return REPORT;
      } finally {
        seen.push("closed");
      }
    };
  const watched = watchPages(fetchPages, {
    async beforeNext() {
      seen.push("waited");
    },
    onPage: (_, page) => void seen.push(`page ${page.ref}`),
    onEnd: (_, report) => void seen.push(`ended ${report.requests}`),
  });
  const abort = new AbortController();
  const read = () => watched(SOURCE)({ memory: () => undefined, admit: () => 0, signal: abort.signal });
  return { seen, abort, read };
}

test("watched pages are unchanged, paced after the first, and report their end", async () => {
  const { seen, read } = setUp();
  const pages = read();
  const refs = [];
  let step = await pages.next();
  for (; !step.done; step = await pages.next()) refs.push(step.value.ref);
  expect(refs).toEqual(["1", "2", "3"]);
  expect(step.value).toBe(REPORT);
  expect(seen).toEqual([
    ...["sent 1", "page 1", "waited", "sent 2", "page 2", "waited", "sent 3", "page 3", "waited"],
    ...["closed", "ended 3"],
  ]);
});

test("an abandoned reading is closed, and a cancelled one reports no end", async () => {
  const { seen, abort, read } = setUp();
  for await (const page of read()) if (page.ref === "2") break;
  expect(seen.at(-1)).toBe("closed");
  seen.length = 0;
  abort.abort();
  for await (const _ of read());
  expect(seen.filter((one) => one.startsWith("ended"))).toEqual([]);
});
