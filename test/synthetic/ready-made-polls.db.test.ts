import { readFileSync } from "node:fs";
import { describe, expect, onTestFinished, test } from "vitest";
import { fillPlan, readRecords } from "../../src/synthetic/fetch/read-source.ts";
import { PROVIDERS } from "../support/apis/index.ts";
import { fetching } from "../support/fetching.ts";
import { polling } from "../support/polling.ts";

describe.each(Object.entries(PROVIDERS))("polls of the ready-made connector %s", (connector, start) => {
  test("begin with a silent baseline, report the record that changed, and no other", async () => {
    const provider = await start();
    onTestFinished(provider.close);
    const { source } = JSON.parse(
      readFileSync(new URL(`../../connectors/${connector}.json`, import.meta.url), "utf8"),
    );
    const { params, credentials, records } = provider;
    const fetch = fillPlan(source, { params, credentials, secrets: new Map() });
    const polls = await polling({ fetch, ...readRecords(source), connector });
    polls.fetchPages = fetching().of;
    expect(await polls.poll()).toMatchObject({ status: "ok", complete: true, records, events: [] });
    expect(await polls.poll()).toMatchObject({ status: "ok", complete: true, records, events: [] });
    const changed = provider.change();
    expect(await polls.poll()).toMatchObject({ status: "ok", records, events: [`updated ${changed}`] });
  });
});
