import { PLACE_PARAMS, placesByParams } from "../place-params.ts";
import type { Preset } from "../preset.ts";

/** No check at all: whoever knows the URL can send. Only for networks in which everybody may. */
export const none: Preset = {
  description: "Nothing is checked: anyone who knows the URL can send",
  docs: "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md",
  params: PLACE_PARAMS,
  scheme: (places) => ({
    algorithm: "none",
    ...placesByParams(places),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
