import { expect, test } from "vitest";
import { decideHold, listHolds } from "../../src/postgres/sources/holds.ts";
import { type Polling, pages, polling, rows } from "../support/polling.ts";

const nameOf = ({ source }: Polling) => ({ tenantId: source.tenantId, source: source.source });
const holdsOf = async (source: Polling) =>
  (await listHolds(source.database.pipeline, nameOf(source), { limit: 10 })).map(
    ({ state, count }) => `${state} ${count}`,
  );
const decide = (source: Polling, id: string, decision: "approved" | "rejected") =>
  decideHold(source.database.pipeline, nameOf(source), id, decision);

test("a mass deletion is held while other changes are reported, and an approval covers only the deletions shown", async () => {
  const source = await polling();
  await source.poll(pages(rows(1_000)));
  const dropped = [...rows(800), { id: -1 }];
  const held = await source.poll(pages(dropped));
  expect(held).toMatchObject({ status: "held", deleted: 0, events: ["created -1"], held: { count: 200 } });
  const [hold] = await listHolds(source.database.pipeline, nameOf(source), { limit: 1 });
  expect(hold).toMatchObject({ state: "pending", count: 200, ceiling: 100, tracked: 1_000 });
  expect(hold?.sample).toHaveLength(20);
  expect(hold?.sample.every((subject) => Number(subject) >= 800)).toBe(true);
  // The same absences stay one hold with one alert.
  expect((await source.poll(pages(dropped))).held?.id).toBe(held.held?.id);
  expect(source.alerts.filter((alert) => alert === "poll.held opened")).toHaveLength(2);
  await decide(source, held.held?.id ?? "", "approved");
  // More records are gone than were approved.
  expect(await source.poll(pages(dropped.slice(1)))).toMatchObject({ status: "held", deleted: 0 });
  expect(await holdsOf(source)).toEqual(["pending 201"]);
  await decide(source, held.held?.id ?? "", "approved");
  expect(await source.poll(pages(dropped.slice(1)))).toMatchObject({ status: "ok", deleted: 201 });
  expect(await holdsOf(source)).toEqual(["applied 201"]);
  expect(source.alerts.at(-1)).toBe("poll.held resolved");
  // An approval is valid once.
  expect(await source.poll(pages(dropped.slice(301)))).toMatchObject({ status: "held", deleted: 0 });
});

test("a partial recovery deletes the rest of an approval, a full one settles the hold", async () => {
  const source = await polling();
  await source.poll(pages(rows(1_000)));
  const { held } = await source.poll([{ records: [], total: 0 }]);
  expect(held?.count).toBe(1_000);
  await decide(source, held?.id ?? "", "approved");
  expect(await source.poll(pages(rows(850)))).toMatchObject({ status: "ok", deleted: 150 });
  expect(await holdsOf(source)).toEqual(["applied 1000"]);
  await source.poll(pages(rows(500)));
  expect(await source.poll(pages(rows(850)))).toMatchObject({ status: "ok", deleted: 0 });
  expect(await holdsOf(source)).toEqual(["lapsed 350", "applied 1000"]);
});

test("a rejected hold stays closed until more records are gone", async () => {
  const source = await polling();
  await source.poll(pages(rows(100)));
  const { held } = await source.poll(pages(rows(50)));
  await decide(source, held?.id ?? "", "rejected");
  expect(await source.poll(pages(rows(50)))).toMatchObject({ status: "held", deleted: 0 });
  expect(await holdsOf(source)).toEqual(["rejected 50"]);
  await source.poll(pages(rows(40)));
  expect(await holdsOf(source)).toEqual(["pending 60"]);
});
