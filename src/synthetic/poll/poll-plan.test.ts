import { describe, expect, test } from "vitest";
import { digestTtlSeconds, planPoll } from "./poll-plan.ts";

const durable = { generation: 7, records: 1_000, version: "k.f", baselined: true };
const digests = { generation: 7, records: 1_000 };

describe("poll plan", () => {
  test("compares when the digests are intact", () => {
    expect(planPoll(durable, digests, "k.f")).toBe("compare");
    expect(planPoll({ ...durable, records: 0 }, undefined, "k.f")).toBe("compare");
  });

  test("starts a baseline if no poll was complete yet", () => {
    expect(planPoll(undefined, undefined, "k.f")).toBe("baseline");
    expect(planPoll({ ...durable, generation: 0 }, undefined, "k.f")).toBe("baseline");
    expect(planPoll({ ...durable, baselined: false }, digests, "k.f")).toBe("baseline");
  });

  test("rehashes when only the field options changed", () => {
    expect(planPoll(durable, digests, "k.g")).toBe("rehash");
  });

  test("starts a baseline when the record ids changed", () => {
    expect(planPoll(durable, digests, "j.f")).toBe("baseline");
  });

  test.each([
    ["expired or flushed", undefined],
    ["of an older poll", { ...digests, generation: 6 }],
    ["partly evicted", { ...digests, records: 744 }],
  ])("detects lost digests that are %s", (_, held) => {
    expect(planPoll(durable, held, "k.f")).toBe("state_lost");
    expect(planPoll({ ...durable, baselined: false }, held, "k.g")).toBe("state_lost");
  });

  test("keeps digests for a week, or for three of the longest intervals if that is longer", () => {
    expect(digestTtlSeconds(3_600)).toBe(604_800);
    expect(digestTtlSeconds(7 * 86_400)).toBe(21 * 86_400);
  });
});
