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
