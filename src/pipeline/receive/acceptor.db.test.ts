import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import type { NewEvent } from "../../postgres/events/accept.ts";
import { createAcceptor } from "./acceptor.ts";

function event(key: string): NewEvent {
  return {
    tenantId: "acme",
    connector: "shop",
    endpoint: "default",
    type: "t",
    source: "webhook",
    priority: 2,
    deliveryKey: key,
    item: 0,
    headers: {},
    contentType: "application/json",
    payload: Buffer.from("{}"),
    keys: [{ key, windowMs: 60_000 }],
  };
}

test("reports new deliveries to the dedupe hint and never their duplicates", async () => {
  const { database } = await migratedDatabase();
  const seen: { digest: string; eventId: string }[] = [];
  const acceptor = createAcceptor({
    database: database.ingest,
    bounds: { maxDeliveries: 64, evenAbove: 16, maxBytes: 1_048_576, inFlight: 1, maxWaiting: 100 },
    onCommitted() {},
    onDue() {},
    onSeen: (committed) => seen.push(...committed),
  });
  const deliver = (key: string) => acceptor.accept({ events: [event(key)], digest: `digest of ${key}` });
  const answers = await Promise.all(["a", "a", "b"].map(deliver));
  const again = await deliver("a");
  const ids = answers.flatMap((answer) =>
    answer.kind === "accepted" ? answer.events.map(({ eventId }) => eventId) : [],
  );
  expect(again).toEqual({ kind: "accepted", events: [{ eventId: ids[0], duplicate: true }] });
  expect(seen).toEqual([
    { digest: "digest of a", eventId: ids[0] },
    { digest: "digest of b", eventId: ids[2] },
  ]);
});

test("the acceptor writes events as claimed, and releases the claim when their commit fails or is stale", async () => {
  const { database } = await migratedDatabase();
  const ends: string[] = [];
  let due = 0;
  const acceptorOn = (queryable: typeof database.ingest) =>
    createAcceptor({
      database: queryable,
      bounds: { maxDeliveries: 64, evenAbove: 16, maxBytes: 1_048_576, inFlight: 1, maxWaiting: 100 },
      fastPath: {
        acceptClaims: {
          reserve: (lanes) => ({
            leaseMs: 60_000,
            commit: (events) => ends.push(`commit ${events.length} of ${lanes.length}`),
            cancel: () => ends.push(`cancel ${lanes.length}`),
          }),
        },
      },
      onCommitted() {},
      onDue() {
        due += 1;
      },
      onSeen() {},
    });
  const acceptor = acceptorOn(database.ingest);
  await acceptor.accept({ events: [event("a")] });
  await acceptor.accept({ events: [event("a")] });
  expect(await acceptor.accept({ events: [event("b")], verifiedAt: 1_000_000 })).toMatchObject({
    kind: "stale",
  });
  const failing = acceptorOn({ query: () => Promise.reject(new Error("the connection was lost")) });
  await expect(failing.accept({ events: [event("c")] })).rejects.toThrow("the connection was lost");
  expect(ends).toEqual(["commit 1 of 1", "commit 0 of 1", "cancel 1", "cancel 1"]);
  expect(due).toBe(0);
  const rows = await database.pipeline.query({
    text: "SELECT visible_at > now() + interval '30 seconds' AS is_claimed FROM outbox",
  });
  expect(rows).toEqual([{ is_claimed: true }]);
});
