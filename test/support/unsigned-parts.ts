import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import type { Place } from "../../src/pipeline/receive/schemes/scheme.ts";
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
    ].flatMap((place) => ("header" in (place as Place) ? [(place as { header: string }).header] : [])),
  );
  const sample = PRESETS.get(preset)?.sample;
  const names = ["content-type", ...Object.keys(sample?.headers ?? {}), ...headersOf(preset)];
  const parts = new Set(names.filter((name) => !signedHeaders.has(name)));
  if (!content.includes("url")) parts.add("query");
  // A list of signatures may hold others beside the right one, and a challenge may stand in the query.
  if (!content.includes("body") && !content.includes("twilio_body")) parts.add("body");
  if (content.includes("twilio_body")) parts.add("body");
  if (scheme.challenges.some(({ proof }) => proof === "none")) parts.add("query");
  for (const place of signature?.from ?? []) {
    // Letters of hex in the other case are the same signature.
    if ("header" in place && signature?.encoding === "hex_any_case") parts.add(place.header);
    if ("header" in place && (place.separator !== undefined || (signature?.from.length ?? 0) > 1))
      parts.add(place.header);
  }
  return parts;
}

function headersOf(preset: string): string[] {
  const { delivery_id = [], type, account = [], content = [], occurred_at } = schemeWithSample(preset);
  const places = [
    ...(content.includes("id") ? [] : delivery_id),
    ...type.from,
    ...account,
    ...(occurred_at?.from ?? []),
  ];
  return places.flatMap((place) => ("header" in place ? [place.header] : []));
}
