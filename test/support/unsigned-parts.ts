import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import { timesOf } from "../../src/pipeline/receive/schemes/check-scheme.ts";
import type { Selector } from "../../src/pipeline/receive/schemes/scheme.ts";
import { schemeWithSample } from "./provider-keys.ts";

/** The parts of a delivery that its signature does not cover, by the name of a header or `body` or `query`. */
export function unsignedParts(preset: string): Set<string> {
  const scheme = schemeWithSample(preset);
  const { content = [], signature, timestamp, delivery_id = [] } = scheme;
  const signedHeaders = new Set(
    [
      ...(signature?.from ?? []),
      ...(timestamp?.from ?? []),
      ...(content.includes("id") ? delivery_id : []),
    ].flatMap((selector) =>
      "header" in (selector as Selector) ? [(selector as { header: string }).header] : [],
    ),
  );
  const sample = PRESETS.get(preset)?.sample;
  const names = ["content-type", ...Object.keys(sample?.headers ?? {}), ...headersOf(preset)];
  const parts = new Set(names.filter((name) => !signedHeaders.has(name)));
  if (!content.includes("url")) parts.add("query");
  // A list of signatures may contain others beside the valid one, and a challenge may be in the query.
  if (!content.includes("body") && !content.includes("twilio_body")) parts.add("body");
  if (content.includes("twilio_body")) parts.add("body");
  if (scheme.challenges.some(({ proof }) => proof === "none")) parts.add("query");
  for (const selector of signature?.from ?? []) {
    // Letters of hex in the other case are the same signature.
    if ("header" in selector && signature?.encoding === "hex_any_case") parts.add(selector.header);
    if ("header" in selector && (selector.separator !== undefined || (signature?.from.length ?? 0) > 1))
      parts.add(selector.header);
  }
  return parts;
}

function headersOf(preset: string): string[] {
  const scheme = schemeWithSample(preset);
  const { delivery_id = [], type, account = [], content = [], subject = [] } = scheme;
  const places = [
    ...(content.includes("id") ? [] : delivery_id),
    ...type.from,
    ...account,
    ...subject,
    ...timesOf(scheme).flatMap(({ from }) => from),
  ];
  return places.flatMap((selector) => ("header" in selector ? [selector.header] : []));
}
