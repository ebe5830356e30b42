import { COMMON_PARAMS, PRESETS, presetScheme } from "../../src/pipeline/receive/presets/index.ts";
import type { Preset, PresetParam } from "../../src/pipeline/receive/presets/preset.ts";
import { timesOf } from "../../src/pipeline/receive/schemes/check-scheme.ts";
import { freshnessWindow } from "../../src/pipeline/receive/schemes/freshness.ts";
import type { DeliveryIdSelector, Scheme, Selector } from "../../src/pipeline/receive/schemes/scheme.ts";
import { tokenSelectors } from "../../src/pipeline/receive/token-paths.ts";
import { sampleEvent } from "./sample-event.ts";

/** Returns the page on every preset in Markdown, generated from the schemes. */
export function presetReference(): string {
  return [
    "# Webhook presets",
    "",
    '`PUT /api/v1/connectors/{connector}` with `{"webhook": {"preset": "<name>", "params": {…}}}`. Params of an endpoint',
    "override those of its connector. If a timestamp is signed, deliveries older or newer than the tolerance are refused;",
    "otherwise only deduplication stops replays. `headrace send <preset>` sends a signed sample of a preset.",
    "",
    "Each event has the subject, the time and the type that its provider states, as in the sample of each preset. If no",
    "time is stated, `occurred_at` is the time of receipt. Params of the presets for any sender name the places of theirs.",
    "",
    "| Preset | Type | Subject | Time |",
    "|---|---|---|---|",
    ...[...PRESETS.keys()].map(exampleRow),
    "",
    ...[...PRESETS].flatMap(([name, preset]) => section(name, preset)),
    "## Params of every preset",
    "",
    ...paramRows(COMMON_PARAMS),
    "",
  ].join("\n");
}

function section(name: string, preset: Preset): string[] {
  const scheme = presetScheme(name, { ...preset.sample.params });
  const rows: [string, string][] = [
    ["Signature", signatureOf(scheme)],
    ["Secret", secretOf(scheme)],
    ["Freshness", freshnessOf(scheme)],
    ["Deduplicated by", deduplicationOf(scheme)],
    ["Retry span", hours(scheme.retry_span_s)],
    ["Event type", scheme.type.from.map(selectorText).join(", else ") + suffixOf(scheme)],
    ["Subject", placesOf(scheme.subject) ?? "not named"],
    ["Time of the event", timeOf(scheme)],
    ["Account", placesOf(scheme.account) ?? "not named"],
    ["Batches", batchesOf(scheme)],
    ["Handshakes", scheme.challenges.map(handshakeOf).join("; ") || "none"],
    ["Never stored", neverStored(scheme)],
    ["Response", `${scheme.ack.status}, ${scheme.ack.body === "empty" ? "no body" : "JSON"}`],
    ["Body limit", `${scheme.body_limit_bytes / 1_048_576} MiB`],
  ];
  return [
    `## ${name}`,
    "",
    `${preset.description}. [Documentation](${preset.docs})`,
    "",
    "| | |",
    "|---|---|",
    ...rows.map(([title, text]) => `| ${title} | ${text} |`),
    "",
    ...(preset.notes ?? []).map((note) => `- ${note}`),
    ...(preset.notes === undefined ? [] : [""]),
    ...(Object.keys(preset.params).length === 0 ? [] : [...paramRows(preset.params), ""]),
  ];
}

/** Shows the event that is read from the signed sample of a preset. */
function exampleRow(name: string): string {
  const { type, subject, occurredAtMs } = sampleEvent(name);
  const cells = [
    `[${name}](#${name})`,
    code(type ?? "not named"),
    subject === undefined ? "not named" : code(subject),
    occurredAtMs === undefined ? "time of receipt" : code(new Date(occurredAtMs).toISOString()),
  ];
  return `| ${cells.join(" | ")} |`;
}

function code(text: string): string {
  return `\`${text}\``;
}

function paramRows(params: Readonly<Record<string, PresetParam>>): string[] {
  return [
    "| Param | Meaning | Default |",
    "|---|---|---|",
    ...Object.entries(params).map(([name, { description, default: value = "", oneOf }]) => {
      const choice = oneOf === undefined ? "" : ` (${oneOf.map((one) => `\`${one}\``).join(", ")})`;
      return `| \`${name}\` | ${description}${choice} | ${value === "" ? "" : `\`${value}\``} |`;
    }),
  ];
}

function batchesOf({ items, nested = [] }: Scheme): string {
  const list = (pointers: readonly string[], or: string) =>
    pointers.map((pointer) => `array at \`${pointer || "/"}\``).join(or);
  if (items === undefined) return "no";
  return [list(items, ", else "), ...nested.map((level) => list(level, " and "))].join(", in its items ");
}

function signatureOf({ algorithm, signature, content = [], url_forms = [] }: Scheme): string {
  if (signature === undefined) return "none";
  const parts = content.map((part) =>
    typeof part === "string" ? part : "literal" in part ? `\`${part.literal}\`` : selectorText(part),
  );
  const over = parts.length === 0 ? "" : ` over ${parts.join(" + ")}`;
  const places = signature.from.map(selectorText);
  const shown = places.length > 8 ? [places[0], places[1], "…", places.at(-1)] : places;
  const urls = url_forms.length === 0 ? "" : `; the URL also ${url_forms.join(", ").replaceAll("_", " ")}`;
  return `${algorithm}${over}, ${signature.encoding} in ${shown.join(", ")}${urls}`;
}

function secretOf({ algorithm, secret: { encoding, prefix } }: Scheme): string {
  if (algorithm === "none") return "none";
  const form =
    encoding === "text"
      ? "text, as it is shown"
      : encoding === "html"
        ? "text, HTML entities decoded"
        : encoding;
  return prefix === undefined ? form : `${form}, after \`${prefix}\``;
}

function freshnessOf(scheme: Scheme): string {
  const { timestamp } = scheme;
  if (timestamp === undefined) return "no time is signed";
  const { pastS, aheadS } = freshnessWindow(scheme);
  const window = pastS === aheadS ? `${aheadS} s` : `${pastS / 3_600} h back and ${aheadS} s ahead`;
  return `${window}, by ${timestamp.from.map(selectorText).join(", else ")} (${timestamp.unit})`;
}

function deduplicationOf(scheme: Scheme): string {
  const { content = [], delivery_id: ids, retry_span_s: span, equal_bodies } = scheme;
  const isOutside = [...scheme.type.from, ...(scheme.type.suffix ? [scheme.type.suffix] : [])].some(
    (selector) => "header" in selector || "query" in selector,
  );
  const withType = isOutside ? " and type" : "";
  const window = hours(Math.max(span, 259_200));
  const areEvents = equal_bodies === "event";
  if (ids === undefined)
    return areEvents ? "nothing: every delivery is an event" : `its body${withType}, for ${hours(span)}`;
  const id = ids.map(selectorText).join(", else ");
  const areItems = ids.every((selector) => "item" in selector || "join" in selector);
  const isSigned = content.includes("body") && ids.every((selector) => "body" in selector);
  const unknown = areEvents ? "; without it nothing: every delivery is an event" : "";
  if (content.includes("id")) return `${id}, for ${window}`;
  if (isSigned || areItems) return `${id}, with the type, for ${window}${unknown}`;
  const body = areEvents ? unknown : `, and its body${withType} alone for ${hours(span)}`;
  return `${id} (not signed) with its body${withType}, for ${window}${body}`;
}

function hours(seconds: number): string {
  return `${Math.round((seconds / 3_600) * 100) / 100} h`;
}

function placesOf(selectors: readonly Selector[] | undefined): string | undefined {
  return selectors?.map(selectorText).join(", else ");
}

function timeOf(scheme: Scheme): string {
  const times = timesOf(scheme).map(({ from, unit }) => `${placesOf(from)} (${unit})`);
  return times.join(", else ") || "time of receipt";
}

function suffixOf({ type: { suffix } }: Scheme): string {
  return suffix === undefined ? "" : `, then a dot and ${selectorText(suffix)}`;
}

function neverStored(scheme: Scheme): string {
  const names = tokenSelectors(scheme).map((selector) =>
    "header" in selector ? `header \`${selector.header}\`` : selectorText(selector),
  );
  return [...new Set(names)].join(", ") || "headers of credentials";
}

function handshakeOf({ when, method = "POST", proof, capture }: Scheme["challenges"][number]): string {
  const shape = when.map(
    ({ at, equals }) => `${selectorText(at)}${equals === undefined ? "" : ` = \`${equals}\``}`,
  );
  const condition =
    proof === "signature"
      ? "signed"
      : proof === "pending"
        ? "only while the endpoint has no secret"
        : proof === "none"
          ? "not signed"
          : `with ${selectorText(proof.token)}`;
  return `${method} with ${shape.join(" and ")}, ${condition}${capture === undefined ? "" : ", stores the secret"}`;
}

function selectorText(selector: DeliveryIdSelector): string {
  if ("join" in selector) return selector.join.map(selectorText).join(" + ");
  if ("literal" in selector) return `always \`${selector.literal}\``;
  if ("query" in selector) return `query \`${selector.query}\``;
  if ("body" in selector) return `body \`${selector.body}\``;
  if ("item" in selector) return `item \`${selector.item || "/"}\``;
  const { header, prefix = "", separator } = selector;
  const after = prefix === "" ? "" : ` after \`${prefix}\``;
  return `header \`${header}\`${after}${separator === undefined ? "" : " (a list)"}`;
}
