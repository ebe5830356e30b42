import { expect, test } from "vitest";
import { flowsFolder } from "../../test/support/flows-folder.ts";
import { createLogger } from "../runtime/logger.ts";
import { loadCodeFlows } from "./code-flows.ts";
import { readFlows } from "./read-flows.ts";

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

const signal = new AbortController().signal;
const log = createLogger("silent");

test("a file of the flows folder may define a source, beside flows of the same id", async () => {
  const { folder, write } = flowsFolder({ "source.ts": SOURCE, "flow.ts": FLOW });
  const flows = await loadCodeFlows({ folder, log, intervalMs: 1 });
  const context = { cursor: undefined, params: { first: 7 }, credentials: {}, signal, log } as never;
  expect(await flows.sources.get("shop")?.(context)).toEqual({ records: [{ id: 7 }] });
  expect(flows.get("shop")).toBeTypeOf("function");
  expect(flows.sources.get("other")).toBeUndefined();
  write("source.ts", SOURCE.replace('"shop"', '"other"'));
  await flows.reload(signal);
  expect([flows.sources.get("shop"), typeof flows.sources.get("other")]).toEqual([undefined, "function"]);
});

test("two files that define one source are refused", async () => {
  const { folder } = flowsFolder({ "a.ts": SOURCE, "b.ts": SOURCE });
  await expect(loadCodeFlows({ folder, log, intervalMs: 1 })).rejects.toThrow(
    /b\.ts defines the source shop again: .*a\.ts has it/,
  );
});

test("a source is no flow to be stored for a tenant", async () => {
  const { folder } = flowsFolder({ "source.ts": SOURCE, "flow.ts": FLOW });
  expect((await readFlows(folder)).map(({ id, definition }) => [id, definition?.action.type])).toEqual([
    ["shop", "code"],
  ]);
});
