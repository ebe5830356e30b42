import type { Preset } from "../preset.ts";
import { HEADER, SELECTOR_PARAMS, selectorsFromParams } from "../selector-params.ts";

/** A token in a header, for senders that sign nothing. */
export const token: Preset = {
  description: "A token in a header; nothing is signed",
  docs: "https://datatracker.ietf.org/doc/html/rfc6750",
  notes: ["A token is no signature: anyone who sees one delivery can forge others."],
  params: {
    header: { description: "The header of the token", default: "X-Webhook-Token", pattern: HEADER },
    prefix: {
      description: "Text before the token in its header, such as Bearer and a space",
      default: "",
      pattern: /^.{0,64}$/,
    },
    ...SELECTOR_PARAMS,
  },
  scheme: ({ header = "", prefix = "", ...selectors }) => ({
    algorithm: "token",
    signature: { from: [{ header, prefix }], encoding: "text" },
    // Nothing is signed, so an equal body proves no replay: two presses of a button are two events.
    equal_bodies: "event",
    ...selectorsFromParams(selectors),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
