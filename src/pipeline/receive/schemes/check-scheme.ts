import { Value } from "typebox/value";
import { type ErrorDetail, HeadraceError } from "../../../domain/errors.ts";
import {
  type DeliveryIdSelector,
  SCHEME_DEFAULTS,
  type Scheme,
  SchemeInput,
  type Selector,
} from "./scheme.ts";
import { PUBLIC_KEY_TYPE } from "./verify-key.ts";

/**
 * Returns the scheme in `value` with all defaults filled in. Throws `invalid_request` with one detail per field if a
 * field is missing, unknown or of the wrong type, or if fields contradict each other.
 */
export function checkScheme(value: unknown): Scheme {
  if (!Value.Check(SchemeInput, value)) throw invalidScheme(misfits(value));
  const scheme: Scheme = { ...SCHEME_DEFAULTS, ...value };
  const found = contradictions(scheme);
  if (found.length > 0) throw invalidScheme(found);
  return scheme;
}

function invalidScheme(details: ErrorDetail[]): HeadraceError {
  const sentence = details.map(
    ({ field, message, expected }) => `${field} ${message ?? `must be ${expected}`}`,
  );
  return new HeadraceError("invalid_request", `The webhook scheme is not valid: ${sentence.join("; ")}`, {
    details,
  });
}

/** Lists the fields that do not fit the vocabulary. TypeBox reports only the first few. */
function misfits(value: unknown): ErrorDetail[] {
  const details = Value.Errors(SchemeInput, value).flatMap((error): ErrorDetail[] => {
    const { instancePath, schemaPath } = unionOf(error) ?? error;
    const got = kindOf(Value.Pointer.Get(value, instancePath));
    const field = fieldAt(instancePath);
    if (schemaPath !== error.schemaPath) return [{ field, expected: descriptionAt(schemaPath), got }];
    switch (error.keyword) {
      case "boolean":
      case "anyOf":
        return [];
      case "required":
        return error.params.requiredProperties.map((name) => ({
          field: `${field}.${name}`,
          message: "is missing",
        }));
      case "additionalProperties":
        return error.params.additionalProperties.map((name) => ({
          field: `${field}.${name}`,
          message: "is unknown",
        }));
      case "enum":
        return [{ field, expected: `one of ${error.params.allowedValues.join(", ")}`, got }];
      default:
        return [{ field, message: error.message, got }];
    }
  });
  return details.filter(({ field }, index) => details.findIndex((other) => other.field === field) === index);
}

/** Returns the union of which the error describes a failed branch: the union's description is clearer. */
function unionOf({ schemaPath, instancePath }: { schemaPath: string; instancePath: string }) {
  const end = schemaPath.indexOf("/anyOf/");
  if (end === -1) return undefined;
  const path = schemaPath.slice(0, end);
  // Each member and each element in the schema's path is one step in the value's.
  const steps = path.match(/\/(?:properties|patternProperties)\/[^/]+|\/items/g)?.length ?? 0;
  return { schemaPath: path, instancePath: instancePath.split("/", steps + 1).join("/") };
}

function fieldAt(instancePath: string): string {
  return `scheme${instancePath.replaceAll("/", ".")}`;
}

function descriptionAt(schemaPath: string): string {
  const { description } = Value.Pointer.Get(SchemeInput, schemaPath.slice(1)) as { description: string };
  return description.charAt(0).toLowerCase() + description.slice(1);
}

function kindOf(value: unknown): string {
  if (value === null) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}

/** Lists contradictions between fields that are valid one by one. */
function contradictions(scheme: Scheme): ErrorDetail[] {
  const { algorithm, signature, content, timestamp, delivery_id: id } = scheme;
  const shows = algorithm === "token" || algorithm === "basic";
  const signs = algorithm !== "none" && !shows;
  const covers = (part: string) => content?.includes(part as "body") ?? false;
  const coversBody = covers("body") || covers("twilio_body");
  const timeIsCovered =
    timestamp === undefined ||
    covers("timestamp") ||
    (coversBody && timestamp.from.every((selector) => "body" in selector));
  const inItems = signature?.from.filter((selector) => "item" in selector).length ?? 0;
  const rules: Rule[] = [
    [algorithm !== "none" && signature === undefined, "signature", `is missing, but ${algorithm} needs one`],
    [algorithm === "none" && signature !== undefined, "signature", "is not allowed if the algorithm is none"],
    [signs && content === undefined, "content", `is missing, but ${algorithm} signs content`],
    [!signs && content !== undefined, "content", `is not allowed if the algorithm is ${algorithm}`],
    [!signs && timestamp !== undefined, "timestamp", `cannot be signed with ${algorithm}`],
    [signs && !timeIsCovered, "timestamp", "is not part of the signed content, so anyone could change it"],
    [
      signs && content !== undefined && !coversBody && scheme.body_unsigned !== true,
      "content",
      "does not include the body; set body_unsigned: true if this is intended",
    ],
    [
      covers("timestamp") && timestamp === undefined,
      "content",
      "includes timestamp, but the scheme has no timestamp field",
    ],
    [
      scheme.url_forms !== undefined && !covers("url"),
      "url_forms",
      "is not allowed if the content does not include url",
    ],
    [
      (signature?.from.length ?? 0) > MAX_PUBLIC_KEY_SELECTORS && PUBLIC_KEY_TYPE[algorithm] !== undefined,
      "signature.from",
      `has more than ${MAX_PUBLIC_KEY_SELECTORS} selectors, which is too many for ${algorithm}`,
    ],
    [
      scheme.probe === true && scheme.challenges.some(({ method }) => method === "GET"),
      "probe",
      "is not allowed beside a challenge that answers GET",
    ],
    [covers("id") && id === undefined, "content", "includes id, but the scheme has no delivery_id field"],
    [
      signature !== undefined && signature.encoding === "text" && algorithm !== "token",
      "signature.encoding",
      `cannot be text for ${algorithm}`,
    ],
    [
      algorithm === "basic" && signature !== undefined && signature.encoding !== "base64",
      "signature.encoding",
      "must be base64 for basic",
    ],
    [
      inItems > 0 && (algorithm !== "token" || inItems !== signature?.from.length),
      "signature.from",
      "selects items, which is only possible for token and only if all selectors do",
    ],
    [scheme.ack.status === 204 && scheme.ack.body === "json", "ack.status", "is 204, which has no body"],
    [
      scheme.items === undefined && selectorsOf(scheme).some((selector) => "item" in selector),
      "items",
      "is missing, but a selector reads an item",
    ],
    [
      scheme.items === undefined && scheme.nested !== undefined,
      "nested",
      "needs items, in which the lists are",
    ],
    [
      scheme.items === undefined && scheme.beside !== undefined,
      "beside",
      "needs items, which get the members",
    ],
  ];
  return [
    ...rules,
    ...scheme.challenges.flatMap((challenge, index) => challengeRules(scheme, challenge, index)),
  ]
    .filter(([broken]) => broken)
    .map(([, field, message]) => ({ field: `scheme.${field}`, message }));
}

/** Each signature of a public key costs a verification of its own. */
const MAX_PUBLIC_KEY_SELECTORS = 16;

type Rule = [broken: boolean, field: string, message: string];

/** Lists contradictions in a handshake: it could never be answered, or would disclose the proof that it demands. */
function challengeRules({ algorithm }: Scheme, challenge: Challenge, index: number): Rule[] {
  const { when, proof, capture, answer } = challenge;
  const field = (name: string) => `challenges.${index}.${name}`;
  const json = Object.values(answer.json ?? {});
  const token = typeof proof === "object" ? [proof.token] : [];
  const echoed = [
    ...json.map((part) => ("hmac_hex" in part ? part.hmac_hex : part)),
    ...(answer.text ? [answer.text] : []),
  ];
  const read = [...when.map(({ at }) => at), ...token, ...(capture ? [capture.from] : []), ...echoed];
  const named = Object.keys(answer.headers ?? {}).find((name) => SET_BY_THE_SERVER.test(name));
  return [
    [
      [...read, ...Object.values(answer.headers ?? {})].some((selector) => "item" in selector),
      field("when"),
      "reads an item, but a handshake is no batch",
    ],
    [
      capture !== undefined && proof !== "pending",
      field("capture"),
      "needs the proof pending: a secret is stored only while the endpoint has none",
    ],
    [
      json.some((part) => "hmac_hex" in part) && (proof !== "signature" || !algorithm.startsWith("hmac-")),
      field("answer.json"),
      "includes an hmac_hex, which needs an HMAC algorithm and the proof signature",
    ],
    [
      answer.text !== undefined && answer.json !== undefined,
      field("answer"),
      "has both a text and a JSON body",
    ],
    [answer.status === 204 && echoed.length > 0, field("answer.status"), "is 204, which has no body"],
    [named !== undefined, field("answer.headers"), `names ${named}, which the server sets`],
  ];
}

type Challenge = Scheme["challenges"][number];

/** Headers that a handshake's answer may not set. */
const SET_BY_THE_SERVER =
  /^(?:connection|content-(?:encoding|length|type)|date|keep-alive|location|set-cookie|te|trailer|transfer-encoding|upgrade|x-content-type-options)$/i;

function selectorsOf(scheme: Scheme): Selector[] {
  const { signature, tokens = [], delivery_id = [], type, account = [], subject = [] } = scheme;
  const suffix = type.suffix === undefined ? [] : [type.suffix];
  return [
    ...(signature?.from ?? []),
    ...tokens,
    ...delivery_id.flatMap(partsOf),
    ...type.from,
    ...suffix,
    ...timesOf(scheme).flatMap(({ from }) => from),
    ...account,
    ...subject,
  ];
}

/** Returns the places of an event's time, in order. */
export function timesOf({ occurred_at: times = [] }: Pick<Scheme, "occurred_at">) {
  return Array.isArray(times) ? times : [times];
}

/** Returns the selectors that make up an id. */
export function partsOf(selector: DeliveryIdSelector): Selector[] {
  return "join" in selector ? selector.join : [selector];
}
