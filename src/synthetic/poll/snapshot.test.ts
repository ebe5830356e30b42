import { expect, test } from "vitest";
import {
  type Answer,
  fakeSource,
  page,
  pages,
  rows,
  withBaseline,
} from "../../../test/support/fake-source.ts";
import { finish } from "../../domain/slices.ts";
import { readPage } from "../fetch/read-page.ts";
import { cursorAfter } from "./snapshot.ts";

test("the first poll is a silent baseline or reports all records", () => {
  expect(fakeSource().poll([page(rows(3))]).events).toEqual([]);
  expect(fakeSource().poll([page(rows(2))], { baseline: "emit" }).events).toEqual(["created 0", "created 1"]);
});

test("an interrupted first poll continues in the next one and loses no change in between", () => {
  const one = fakeSource();
  expect(one.poll([page(rows(2)), "failed"])).toMatchObject({ status: "degraded", events: [] });
  const next = [{ id: 0, value: 2 }, ...rows(3, 1)];
  expect(one.poll([page(next)])).toMatchObject({ plan: "baseline", events: ["updated 0"] });
  expect(one.poll([page([...next, ...rows(1, 4)])]).events).toEqual(["created 4"]);
});

test("a failed page deletes nothing and the other pages are reported", () => {
  for (let broken = 0; broken < 10; broken += 1) {
    const one = withBaseline(rows(1_000));
    const answers: Answer[] = pages(
      rows(1_001).map((row) => (row.id === 500 ? { ...row, value: 2 } : row)),
      101,
    );
    answers[broken] = "failed";
    const { status, events } = one.poll(answers, { confirmPolls: 1 });
    expect(status).toBe("degraded");
    expect(events.filter((event) => event.startsWith("deleted"))).toEqual([]);
    const expected = [...(broken === 9 ? [] : ["created 1000"]), ...(broken === 4 ? [] : ["updated 500"])];
    expect(events).toEqual(expected);
  }
});

test("a snapshot without the last page deletes nothing", () => {
  expect(withBaseline(rows(100)).poll([page(rows(10))], { lastPageReached: false })).toEqual({
    plan: "compare",
    status: "degraded",
    events: [],
  });
});

test("fewer records than the provider's total delete nothing", () => {
  expect(withBaseline(rows(10)).poll([page(rows(9))], { total: 10 })).toMatchObject({
    status: "degraded",
    events: [],
  });
  expect(withBaseline(rows(10)).poll([page(rows(9))], { total: 9 }).events).toEqual(["deleted 9"]);
});

test.each([
  ["with an HTML login form", "<!doctype html><title>Log in</title>", "HTML"],
  ["that is cut off", '{"records":[{"id":1},', "not valid JSON"],
  ["without the array", '{"error":"try later"}', "missing"],
  ["with null for the array", '{"records":null}', "null"],
  ["with an object for the array", '{"records":{}}', "an object"],
  ["with a record that has no id", '{"records":[{"name":"x"}]}', undefined],
  ["that is empty without a total", '{"records":[]}', undefined],
])("a page %s is no empty snapshot", (_, answer, reason) => {
  const { status, events } = withBaseline(rows(5)).poll([answer]);
  expect({ status, events }).toEqual({ status: "degraded", events: [] });
  if (reason !== undefined) {
    expect(finish(readPage(Buffer.from(answer), { recordsPath: "records" }))).toMatchObject({
      reason: expect.stringContaining(reason),
    });
  }
});

test("the update cursor lags behind the provider's time and never moves back", () => {
  expect(cursorAfter(undefined, undefined, 1_000)).toBeUndefined();
  expect(cursorAfter(undefined, 50_000, 1_000)).toBe(49_000);
  expect(cursorAfter(49_500, 50_000, 1_000)).toBe(49_500);
  expect(cursorAfter(49_000, undefined, 1_000)).toBe(49_000);
});
