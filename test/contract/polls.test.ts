import { describe, expect, test } from "vitest";
import { insertPollEvents } from "../../src/postgres/events/poll-events.ts";
import { holdDeletions } from "../../src/postgres/sources/holds.ts";
import { route, type ServedApi, serveApi } from "./serve-api.ts";

const SOURCE = "/tenants/acme/sources/orders";

/** A tenant with a source, and the poll announcements. */
async function withSource(): Promise<ServedApi & { polled: string[] }> {
  const polled: string[] = [];
  const api = await serveApi({
    pollDispatch: { keptPolls: 10, pollNow: ({ source }) => void polled.push(source) },
  });
  await api.call("PUT", "/tenants/acme", {});
  await api.call("PUT", "/connectors/shop", {
    source: {
      request: { url: "https://shop.example/orders" },
      webhook: { record: "order", types: { "orders/edit": "updated" } },
    },
  });
  await api.call("PUT", SOURCE, { connector: "shop", entity: "order" });
  return Object.assign(api, { polled });
}

const OF = { tenantId: "acme", source: "orders" };

describe("deletions that are held", () => {
  const hold = (api: ServedApi, count: number) =>
    api.database.transaction((transaction) =>
      holdDeletions(transaction, OF, { count, ceiling: 10, tracked: 100, sample: ["7"] }),
    );

  test("held deletions are shown, and approving them polls again", async () => {
    const api = await withSource();
    const id = await hold(api, 40);
    const shown = { id, state: "pending", count: 40, ceiling: 10, records_tracked: 100, sample: ["7"] };
    expect((await api.call("GET", `${SOURCE}/holds`)).body).toMatchObject({
      items: [shown],
      next_cursor: null,
    });
    const approved = await api.call("POST", `${SOURCE}/holds/${id}/approve`);
    expect(approved).toMatchObject({ status: 200, body: { ...shown, state: "approved" } });
    expect(approved.body.decided_at).toEqual(expect.any(String));
    expect(api.polled).toEqual(["orders"]);
    const again = await api.call("POST", `${SOURCE}/holds/${id}/approve`);
    expect(again.body.decided_at).toBe(approved.body.decided_at);
  });

  test("rejecting held deletions does not poll, and a larger set is held again", async () => {
    const api = await withSource();
    const id = await hold(api, 40);
    expect((await api.call("POST", `${SOURCE}/holds/${id}/reject`)).body.state).toBe("rejected");
    expect(api.polled).toEqual([]);
    await hold(api, 40);
    expect((await api.call("GET", `${SOURCE}/holds`)).body.items[0].state).toBe("rejected");
    await hold(api, 41);
    expect((await api.call("GET", `${SOURCE}/holds`)).body.items).toMatchObject([{ id, state: "pending" }]);
  });

  test("held deletions can be decided only on their own source and by their own tenant", async () => {
    const api = await withSource();
    const id = await hold(api, 40);
    await api.call("PUT", "/tenants/globex", {});
    const { body: key } = await api.call("POST", "/keys", { name: "g", tenant_id: "globex", scope: "write" });
    expect((await api.call("POST", `${SOURCE}/holds/${id}/approve`, undefined, key.key)).status).toBe(403);
    const other = `${SOURCE}/holds/00000000-0000-7000-8000-000000000000/approve`;
    expect(await api.call("POST", other)).toMatchObject({
      status: 404,
      body: { error: { code: "not_found" } },
    });
    expect((await api.call("POST", `${SOURCE}/holds/nonsense/reject`)).status).toBe(400);
    expect((await api.call("GET", "/tenants/acme/sources/none/holds")).status).toBe(404);
  });

  test("deleting a source deletes its held deletions and poll state", async () => {
    const api = await withSource();
    await hold(api, 40);
    await api.call("DELETE", SOURCE);
    await api.call("PUT", SOURCE, { connector: "shop", entity: "order" });
    expect((await api.call("GET", `${SOURCE}/holds`)).body.items).toEqual([]);
  });
});

describe("an event that a poll found", () => {
  test("an event of a poll shows its changes, and conditions can use them", async () => {
    const api = await withSource();
    const trigger = (where: string) => ({
      trigger: { connector: "shop", event_types: ["order.*"], where },
      action: { type: "http", url: "https://sink.example/" },
    });
    const wheres = {
      changed: "status changed",
      "changed-to": 'status changedTo "paid"',
      "changed-from": 'status changedFrom "paid"',
      missed: "$event.missedByWebhook eq true",
    };
    for (const [flow, where] of Object.entries(wheres)) {
      const put = await api.call("PUT", `/tenants/acme/flows/${flow}`, trigger(where));
      expect([flow, put.status, put.body.error]).toEqual([flow, put.status, undefined]);
      await api.call("POST", `/tenants/acme/flows/${flow}/deploy`);
    }
    await api.database.transaction((transaction) =>
      insertPollEvents(transaction, { ...OF, connector: "shop" }, [
        {
          type: "order.updated",
          subject: "7",
          occurredAtMs: 1_767_225_600_000,
          deliveryKey: "k",
          payload: Buffer.from('{"id":7,"status":"paid"}'),
          detail: {
            changes: { "/status": { from: "open", to: "paid" }, "/text": { truncated: true } },
            changesOmitted: 3,
            missedByWebhook: true,
          },
        },
      ]),
    );
    const { items } = (await api.call("GET", "/tenants/acme/events?source=poll")).body;
    expect(items).toMatchObject([
      {
        type: "order.updated",
        source: "poll",
        priority: 4,
        subject: "7",
        endpoint: "orders",
        occurred_at: "2026-01-01T00:00:00.000Z",
        data: { id: 7, status: "paid" },
        changes: { "/status": { from: "open", to: "paid" }, "/text": { truncated: true } },
        changes_omitted: 3,
        missed_by_webhook: true,
      },
    ]);
    await route(api.database, [items[0].id]);
    const { body } = await api.call("GET", `/tenants/acme/events/${items[0].id}`);
    expect(body.changes).toEqual(items[0].changes);
    expect(body.runs.map((run: { flow_id: string }) => run.flow_id).sort()).toEqual([
      "changed",
      "changed-to",
      "missed",
    ]);
  });
});
