import { CloudEvent, HTTP } from "cloudevents";
import { describe, expect, test } from "vitest";
import type { NormalizedEvent } from "../../../domain/event/event.ts";
import { readJson } from "../../../domain/json/parse-text.ts";
import { CLOUD_EVENT_TYPE, cloudEvent } from "./cloud-event.ts";

const event: NormalizedEvent = {
  id: "01a208f8-2149-748f-94fe-b9c62a9e51c2",
  tenantId: "acme",
  connector: "shop",
  endpoint: "default",
  type: "order.paid",
  source: "webhook",
  priority: 2,
  subject: "order-7",
  occurredAt: "2026-11-23T10:00:00.000Z",
  receivedAt: "2026-11-23T10:00:01.000Z",
  idempotencyKey: "ab".repeat(32),
  headers: {},
  data: { order: 7, note: "größe" },
};
const runId = "01a208f8-2149-748f-94fe-b9c62a9e51c1";

/** Reads the CloudEvent with the reference library. */
function received(part: Partial<NormalizedEvent>): CloudEvent<unknown> {
  const body = cloudEvent({ ...event, ...part }, runId).toString();
  const read = HTTP.toEvent({ headers: { "content-type": CLOUD_EVENT_TYPE }, body });
  return new CloudEvent<unknown>(read as CloudEvent<unknown>);
}

describe("cloudEvent", () => {
  test("sends the data of a large event as it was accepted", () => {
    const dataText = Buffer.from(' {"order": 7.0, "note": "größe"} ');
    const body = cloudEvent({ ...event, data: {}, dataText }, runId);
    expect(JSON.parse(body.toString())).toEqual(JSON.parse(cloudEvent(event, runId).toString()));
    expect(body.includes(dataText)).toBe(true);
  });

  test("sends numbers with the digits that came", () => {
    const body = cloudEvent({ ...event, data: readJson('{"id":1234567890123456789,"total":0.1000}') }, runId);
    expect(body.toString()).toContain('"data":{"id":1234567890123456789,"total":0.1000}');
  });

  test("builds a CloudEvent that the reference library accepts, with every field of the contract", () => {
    const traceparent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const read = received({ headers: { traceparent } });
    expect(read.validate()).toBe(true);
    expect(read.toJSON()).toEqual({
      specversion: "1.0",
      id: event.id,
      source: "/tenants/acme/connectors/shop",
      type: "order.paid",
      time: "2026-11-23T10:00:00.000Z",
      subject: "order-7",
      datacontenttype: "application/json",
      tenantid: "acme",
      priority: 2,
      origin: "webhook",
      idempotencykey: event.idempotencyKey,
      runid: runId,
      traceparent,
      data: { order: 7, note: "größe" },
    });
  });

  test.each<[string, Partial<NormalizedEvent>]>([
    ["no type and no subject", { type: "", subject: undefined }],
    ["an empty subject", { subject: "" }],
    ["a list as data", { data: [1, 2] }],
    ["null as data", { data: null }],
    ["a name with a space", { connector: "my shop" }],
    ["a malformed traceparent", { headers: { traceparent: "00-zz" } }],
  ])("builds a valid CloudEvent of an event with %s", (_case, part) => {
    const read = received(part);
    expect(read.validate()).toBe(true);
    expect(read.type).toBe(part.type === "" ? "unknown" : "order.paid");
    expect(read.traceparent).toBeUndefined();
  });
});
