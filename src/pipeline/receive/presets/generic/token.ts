import { HEADER, PLACE_PARAMS, placesByParams } from "../place-params.ts";
import type { Preset } from "../preset.ts";

/** A token in a header, for senders that sign nothing. */
export const token: Preset = {
  description: "A token in a header; nothing is signed",
  docs: "https://datatracker.ietf.org/doc/html/rfc6750",
  notes: ["A token is no signature: whoever sees one delivery can make others."],
  params: {
    header: { description: "The header of the token", default: "X-Webhook-Token", pattern: HEADER },
    prefix: {
      description: "Stands before the token in its header, as Bearer and a space do",
      default: "",
      pattern: /^.{0,64}$/,
    },
    ...PLACE_PARAMS,
  },
  scheme: ({ header = "", prefix = "", ...places }) => ({
    algorithm: "token",
    signature: { from: [{ header, prefix }], encoding: "text" },
    ...placesByParams(places),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
