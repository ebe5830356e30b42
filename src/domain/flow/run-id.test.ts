import { describe, expect, test } from "vitest";
import { runId } from "./run-id.ts";

const eventId = "01a208f8-2149-748f-94fe-b9c62a9e51c1";

describe("runId", () => {
  test("returns a UUIDv7 with the event's millisecond", () => {
    expect(runId({ eventId, flowId: "f", replaySeq: 0 })).toMatch(
      /^01a208f8-2149-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
    );
  });

  test("returns the same run id only for the same event, flow and replay", () => {
    const run = { eventId, flowId: "f", replaySeq: 0 };
    expect(runId({ ...run })).toBe(runId(run));
    expect(runId({ ...run, flowId: "g" })).not.toBe(runId(run));
    expect(runId({ ...run, replaySeq: 1 })).not.toBe(runId(run));
  });

  test("returns a run id with the replay's time", () => {
    expect(runId({ eventId, flowId: "f", replaySeq: 1, atMs: 0x01b000000001 })).toMatch(/^01b00000-0001-7/);
  });
});
