import type { Preset } from "../preset.ts";
import { SELECTOR_PARAMS, selectorsFromParams } from "../selector-params.ts";

/** No verification: anyone who knows the URL can send. Only for networks in which every sender is trusted. */
export const none: Preset = {
  description: "Nothing is checked: anyone who knows the URL can send",
  docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  params: SELECTOR_PARAMS,
  scheme: (params) => ({
    algorithm: "none",
    // Nothing is signed, so an equal body proves no replay: two presses of a button are two events.
    equal_bodies: "event",
    ...selectorsFromParams(params),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
