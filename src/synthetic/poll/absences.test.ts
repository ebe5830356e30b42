import { expect, test } from "vitest";
import { LOST_DIGEST, page, rows, withBaseline } from "../../../test/support/fake-source.ts";
import { decideAbsent, type PollRules } from "../records/record-change.ts";

test("a mass deletion is held while additions are reported, and an approval limits the deletions", () => {
  const one = withBaseline(rows(1_000));
  const dropped = [...rows(800), { id: "new" }];
  expect(one.poll([page(dropped)])).toMatchObject({ status: "held", events: ['created "new"'] });
  // More records are gone than were approved.
  expect(one.poll([page(dropped.slice(1))], { approved: 200 })).toMatchObject({
    status: "held",
    events: [],
  });
  // Some records returned, and the remaining deletions are within the approval.
  const recovered = one.poll([page([...rows(950), { id: "new" }])], { approved: 200 });
  expect(recovered.status).toBe("ok");
  expect(recovered.events).toHaveLength(50);
});

test("only the guard decides on an empty source with a total of 0", () => {
  expect(withBaseline(rows(8)).poll([page([])], { total: 0 }).events).toHaveLength(8);
  expect(withBaseline(rows(1_000)).poll([page([])], { total: 0 })).toMatchObject({
    status: "held",
    events: [],
  });
  expect(withBaseline(rows(1_000)).poll([page([])], { total: 0, approved: 1_000 }).events).toHaveLength(
    1_000,
  );
});

test("a deletion needs confirm_polls consecutive complete polls and the grace period", () => {
  const one = withBaseline(rows(3));
  expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual([]);
  expect(one.poll([page(rows(3))], { confirmPolls: 2 }).events).toEqual([]);
  expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual([]);
  expect(one.poll([page(rows(1)), "failed"], { confirmPolls: 2 }).events).toEqual([]);
  expect(one.poll([page(rows(2))], { confirmPolls: 2 }).events).toEqual(["deleted 2"]);
  const rules: PollRules = {
    plan: "compare",
    baseline: "silent",
    deletions: { enabled: true, confirmPolls: 1, graceMs: 60_000 },
  };
  const tracked = { digest: LOST_DIGEST, missing: 5, missingSinceMs: 1_000, deleted: false };
  expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 60_999 }, rules).change).toBe("missing");
  expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 61_000 }, rules).change).toBe("deleted");
});

test("absences are ignored if deletions are disabled", () => {
  const rules: PollRules = {
    plan: "compare",
    baseline: "silent",
    deletions: { enabled: false, confirmPolls: 1, graceMs: 0 },
  };
  const tracked = { digest: LOST_DIGEST, missing: 0, deleted: false };
  expect(decideAbsent(tracked, { startedAtMs: 0, nowMs: 1 }, rules)).toEqual({ change: "none" });
});
