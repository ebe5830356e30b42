import { PLACE_PARAMS, placesByParams } from "../place-params.ts";
import type { Preset } from "../preset.ts";

/** A user and a password (RFC 7617), for senders that sign nothing. The secret is user:password. */
export const basic: Preset = {
  description: "HTTP Basic authentication; the secret is user:password, and nothing is signed",
  docs: "https://datatracker.ietf.org/doc/html/rfc7617",
  notes: ["A password is no signature: whoever sees one delivery can make others."],
  params: PLACE_PARAMS,
  scheme: (places) => ({
    algorithm: "basic",
    signature: { from: [{ header: "authorization", prefix: "Basic " }], encoding: "base64" },
    ...placesByParams(places),
  }),
  sample: { body: { type: "order.created", data: { id: "order_1" } } },
};
