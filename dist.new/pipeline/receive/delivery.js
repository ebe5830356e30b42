import { deliveryKeys, itemKeys } from "./delivery-key.js";
import { parseTimestamp } from "./freshness.js";
import { firstValue, resolvePointer } from "./place.js";
/** Reads the events of a delivery that the verifier found authentic. Never throws. */
export function readDelivery(scheme, request) {
    const { contentType, parsed: body } = request;
    const data = body.kind === "parsed" ? body.data : undefined;
    const keys = deliveryKeys(scheme, request);
    const items = scheme.items === undefined ? undefined : resolvePointer(data, scheme.items);
    const events = Array.isArray(items)
        ? items.map((entry, item) => readEvent(scheme, request, itemKeys(scheme, request, keys, entry, item), entry, item))
        : [readEvent(scheme, request, keys, data, 0)];
    return { contentType, body, events };
}
function readEvent(scheme, request, keys, data, item) {
    const nameAt = (places) => asName(firstValue(places, request, data)?.value);
    const name = nameAt(scheme.type.from);
    const suffix = scheme.type.suffix && nameAt([scheme.type.suffix]);
    const type = suffix === undefined ? name : name && asName(`${name}.${suffix}`);
    const occurred = scheme.occurred_at && firstValue(scheme.occurred_at.from, request, data);
    const occurredAtMs = occurred && parseTimestamp(occurred.value, scheme.occurred_at?.unit ?? "rfc3339");
    const account = nameAt(scheme.account ?? []);
    return {
        item,
        keys,
        data,
        ...(type !== undefined && { type }),
        ...(occurredAtMs !== undefined && { occurredAtMs }),
        ...(account !== undefined && { account }),
    };
}
/** Names are stored as text and shown: control characters and halves of surrogate pairs make them none. */
function asName(value) {
    return value !== undefined && NAME.test(value) ? value : undefined;
}
const NAME = /^[^\p{Cc}\p{Cs}]{1,200}$/u;
//# sourceMappingURL=delivery.js.map