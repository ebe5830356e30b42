import { describe, expect, test } from "vitest";
import { digestTtlSeconds, planPoll } from "./poll-plan.ts";

const durable = { generation: 7, records: 1_000, version: "k.f", baselined: true };
const digests = { generation: 7, records: 1_000 };

describe("a poll", () => {
  test("compares where all is in its place", () => {
    expect(planPoll(durable, digests, "k.f")).toBe("compare");
    expect(planPoll({ ...durable, records: 0 }, undefined, "k.f")).toBe("compare");
  });

  test("makes a baseline where there was none that was complete", () => {
    expect(planPoll(undefined, undefined, "k.f")).toBe("baseline");
    expect(planPoll({ ...durable, generation: 0 }, undefined, "k.f")).toBe("baseline");
    expect(planPoll({ ...durable, baselined: false }, digests, "k.f")).toBe("baseline");
  });

  test("hashes again when only the options of fields changed", () => {
    expect(planPoll(durable, digests, "k.g")).toBe("rehash");
  });

  test("makes a baseline when records are named otherwise", () => {
    expect(planPoll(durable, digests, "j.f")).toBe("baseline");
  });

  test.each([
    ["expired or flushed", undefined],
    ["of an older poll", { ...digests, generation: 6 }],
    ["partly evicted", { ...digests, records: 744 }],
  ])("knows that its digests are lost when they are %s", (_, held) => {
    expect(planPoll(durable, held, "k.f")).toBe("state_lost");
    expect(planPoll({ ...durable, baselined: false }, held, "k.g")).toBe("state_lost");
  });

  test("leaves digests to live for a week, and for three of the longest intervals", () => {
    expect(digestTtlSeconds(3_600)).toBe(604_800);
    expect(digestTtlSeconds(7 * 86_400)).toBe(21 * 86_400);
  });
});
