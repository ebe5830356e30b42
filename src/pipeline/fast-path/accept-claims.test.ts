import { describe, expect, test } from "vitest";
import type { Priority } from "../../domain/priority.ts";
import { createAcceptClaims } from "./accept-claims.ts";
import type { CommittedEvent } from "./fast-path.ts";

function acceptClaims({ isIdle = true, publish = async () => {} } = {}) {
  const seen = { released: [] as Priority[], published: [] as CommittedEvent[], errors: [] as Error[] };
  const claims = createAcceptClaims({
    room: {
      takeIfIdle: () => (isIdle ? { release: (lanes) => seen.released.push(...lanes) } : undefined),
    },
    leaseMs: 8_000,
    async publish(events) {
      await publish();
      seen.published.push(...events);
    },
    onPublished() {},
    onError: (error) => seen.errors.push(error),
  });
  return { claims, seen };
}

describe("createAcceptClaims", () => {
  test("claims no events while others wait for the relay", () => {
    expect(acceptClaims({ isIdle: false }).claims.reserve([1])).toBeUndefined();
  });

  test("publishes committed events and releases the room of duplicates", async () => {
    const { claims, seen } = acceptClaims();
    const claim = claims.reserve([2, 3, 2]);
    expect(claim?.leaseMs).toBe(8_000);
    const events: CommittedEvent[] = [{ eventId: "a", lane: 2 }];
    claim?.commit(events);
    await new Promise(setImmediate);
    expect(seen).toEqual({ released: [3, 2], published: events, errors: [] });
  });

  test("releases all room of accepted events when their commit fails", () => {
    const { claims, seen } = acceptClaims();
    claims.reserve([1, 4])?.cancel();
    expect(seen).toEqual({ released: [1, 4], published: [], errors: [] });
  });

  test("reports a failed publication of accepted events and keeps their room", async () => {
    const lost = new Error("Redis is away");
    const { claims, seen } = acceptClaims({ publish: () => Promise.reject(lost) });
    claims.reserve([1])?.commit([{ eventId: "a", lane: 1 }]);
    await new Promise(setImmediate);
    expect(seen).toEqual({ released: [], published: [], errors: [lost] });
  });
});
