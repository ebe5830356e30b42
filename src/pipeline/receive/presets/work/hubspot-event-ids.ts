import type { DeliveryIdSelector, Selector } from "../../schemes/scheme.ts";

const EVENT: Selector[] = [{ item: "/eventId" }, { item: "/subscriptionId" }, { item: "/occurredAt" }];

/**
 * The identity of an event in a batch of HubSpot. Its event ids are not unique: events of several objects may share the
 * id and the time. An association has two objects and a type.
 */
export const HUBSPOT_EVENT_IDS: DeliveryIdSelector[] = [
  { join: [...EVENT, { item: "/objectId" }] },
  { join: [...EVENT, { item: "/fromObjectId" }, { item: "/toObjectId" }, { item: "/associationType" }] },
  { join: [...EVENT, { item: "/fromObjectId" }, { item: "/toObjectId" }] },
  { join: EVENT },
];
