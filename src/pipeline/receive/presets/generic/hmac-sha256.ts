import type { SchemeInput, TimeUnit } from "../../schemes/scheme.ts";
import { HEADER, PLACE_PARAMS, placesByParams } from "../place-params.ts";
import type { Preset } from "../preset.ts";

/**
 * HMAC SHA-256 over the body, for any sender that can be told how. With `timestamp_header` the signed content is
 * `<timestamp>.<body>`, the timestamp exactly as it stands in the header, and deliveries older or newer than 300 s
 * are refused; without it there is no freshness to check, and deduplication carries the replays.
 */
export const hmacSha256: Preset = {
  description: "HMAC SHA-256 over the body, or over <timestamp>.<body> where timestamp_header is set",
  docs: "https://datatracker.ietf.org/doc/html/rfc2104",
  params: {
    header: { description: "The header of the signature", default: "X-Signature-256", pattern: HEADER },
    encoding: {
      description: "How the signature is written; hex in either case",
      default: "hex",
      oneOf: ["hex", "base64"],
    },
    prefix: {
      description: "Stands before the signature in its header, as sha256= does",
      default: "",
      pattern: /^.{0,64}$/,
    },
    timestamp_header: { description: "The header of the signed timestamp", pattern: HEADER },
    timestamp_unit: {
      description: "How the timestamp is written",
      default: "s",
      oneOf: ["s", "ms", "rfc3339"],
    },
    ...PLACE_PARAMS,
  },
  scheme: ({
    header = "",
    encoding,
    prefix = "",
    timestamp_header,
    timestamp_unit,
    ...places
  }): SchemeInput => {
    return {
      algorithm: "hmac-sha256",
      signature: { from: [{ header, prefix }], encoding: encoding === "base64" ? "base64" : "hex_any_case" },
      content: timestamp_header === undefined ? ["body"] : ["timestamp", { literal: "." }, "body"],
      ...(timestamp_header !== undefined && {
        timestamp: { from: [{ header: timestamp_header }], unit: timestamp_unit as TimeUnit },
      }),
      ...placesByParams(places),
    };
  },
  sample: { body: { type: "order.created", data: { id: "order_1", status: "completed" } } },
};
