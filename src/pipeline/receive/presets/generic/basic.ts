import type { Preset } from "../preset.ts";
import { SELECTOR_PARAMS, selectorsFromParams } from "../selector-params.ts";

/** HTTP Basic authentication (RFC 7617), for senders that sign nothing. The secret is user:password. */
export const basic: Preset = {
  description: "HTTP Basic authentication; the secret is user:password, and nothing is signed",
  docs: "https://datatracker.ietf.org/doc/html/rfc7617",
  notes: ["A password is no signature: anyone who sees one delivery can forge others."],
  params: SELECTOR_PARAMS,
  scheme: (params) => ({
    algorithm: "basic",
    signature: { from: [{ header: "authorization", prefix: "Basic " }], encoding: "base64" },
    // Nothing is signed, so an equal body proves no replay: two presses of a button are two events.
    equal_bodies: "event",
    ...selectorsFromParams(params),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
