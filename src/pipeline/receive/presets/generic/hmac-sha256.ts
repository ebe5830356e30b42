import type { SchemeInput, TimeUnit } from "../../schemes/scheme.ts";
import type { Preset } from "../preset.ts";
import { HEADER, SELECTOR_PARAMS, selectorsFromParams } from "../selector-params.ts";

/**
 * HMAC SHA-256 over the body, for any sender that can be configured. With `timestamp_header` the signed content is
 * `<timestamp>.<body>`, with the timestamp exactly as in the header, and deliveries older or newer than 300 s are
 * refused. Without it there is no freshness check, and only deduplication stops replays.
 */
export const hmacSha256: Preset = {
  description: "HMAC SHA-256 over the body, or over <timestamp>.<body> where timestamp_header is set",
  docs: "https://datatracker.ietf.org/doc/html/rfc2104",
  params: {
    header: { description: "The header of the signature", default: "X-Signature-256", pattern: HEADER },
    encoding: {
      description: "Encoding of the signature; hex in either case",
      default: "hex",
      oneOf: ["hex", "base64"],
    },
    prefix: {
      description: "Text before the signature in its header, such as sha256=",
      default: "",
      pattern: /^.{0,64}$/,
    },
    timestamp_header: { description: "The header of the signed timestamp", pattern: HEADER },
    timestamp_unit: {
      description: "Unit of the timestamp",
      default: "s",
      oneOf: ["s", "ms", "rfc3339"],
    },
    ...SELECTOR_PARAMS,
  },
  scheme: ({
    header = "",
    encoding,
    prefix = "",
    timestamp_header,
    timestamp_unit,
    ...selectors
  }): SchemeInput => {
    return {
      algorithm: "hmac-sha256",
      signature: { from: [{ header, prefix }], encoding: encoding === "base64" ? "base64" : "hex_any_case" },
      content: timestamp_header === undefined ? ["body"] : ["timestamp", { literal: "." }, "body"],
      ...(timestamp_header !== undefined && {
        timestamp: { from: [{ header: timestamp_header }], unit: timestamp_unit as TimeUnit },
      }),
      ...selectorsFromParams(selectors),
    };
  },
  sample: { body: { type: "order.created", data: { id: "order_1", status: "completed" } } },
};
