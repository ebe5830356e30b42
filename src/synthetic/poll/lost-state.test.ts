import { expect, test } from "vitest";
import { page, pages, rows, withBaseline } from "../../../test/support/fake-source.ts";

test("lost state is a new baseline without created events", () => {
  const one = withBaseline(rows(1_000));
  one.loseState();
  expect(one.poll(pages(rows(1_000), 100))).toMatchObject({ plan: "state_lost", events: [] });
  expect(one.poll(pages(rows(1_001), 100)).events).toEqual(["created 1000"]);
});

test("records updated after the last complete poll are reported although the state was lost", () => {
  const one = withBaseline(rows(3).map((row) => ({ ...row, updated_at: 100 })));
  one.loseState();
  const records = rows(3).map((row) => ({ ...row, updated_at: row.id === 2 ? 300 : 100 }));
  expect(one.poll([page(records)], { updatedAfterMs: 200 }).events).toEqual(["updated 2"]);
});

test("a lost shard is rebuilt without events and the other shards are compared", () => {
  const one = withBaseline(rows(100));
  one.loseShard((key) => Number(key) % 2 === 0);
  const records = rows(100).map((row) => ({ ...row, value: row.id < 4 ? 2 : 1 }));
  expect(one.poll([page(records)]).events).toEqual(["updated 1", "updated 3"]);
  expect(one.poll([page(rows(100))]).events).toHaveLength(4);
});

test("a webhook during a poll overrides a page requested before it", () => {
  const one = withBaseline([{ id: 1, v: 1 }]);
  one.touch("1", { id: 1, v: 2 }, 150_000);
  expect(one.poll([page([{ id: 1, v: 1 }])]).events).toEqual([]);
  expect(one.poll([page([{ id: 1, v: 2 }])]).events).toEqual([]);
  one.touch("9", { id: 9 }, 1_000_000);
  expect(one.poll([page([{ id: 1, v: 3 }])]).events).toEqual(["updated 1"]);
});
