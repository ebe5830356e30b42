import { Value } from "typebox/value";
import { type ErrorDetail, HeadraceError } from "../../../domain/errors.ts";
import { type DeliveryIdPlace, type Place, SCHEME_DEFAULTS, type Scheme, SchemeInput } from "./scheme.ts";

/**
 * The scheme in `value`, with every default filled in. Throws HeadraceError `invalid_request`, a detail for each
 * field, when a field is missing, unknown or of the wrong kind, or when the fields contradict one another.
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

/** Where the value does not fit the vocabulary; TypeBox tells of the first few places. */
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
          message: "is not known",
        }));
      case "enum":
        return [{ field, expected: `one of ${error.params.allowedValues.join(", ")}`, got }];
      default:
        return [{ field, message: error.message, got }];
    }
  });
  return details.filter(({ field }, index) => details.findIndex((other) => other.field === field) === index);
}

/** The choice of which the error tells why one branch failed: the choice says more than its branches. */
function unionOf({ schemaPath, instancePath }: { schemaPath: string; instancePath: string }) {
  const end = schemaPath.indexOf("/anyOf/");
  if (end === -1) return undefined;
  const path = schemaPath.slice(0, end);
  // Each member and each element of the schema's path is one step of the value's.
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

/** What the vocabulary allows field by field, and no provider can mean. */
function contradictions(scheme: Scheme): ErrorDetail[] {
  const { algorithm, signature, content, timestamp, delivery_id: id } = scheme;
  const shows = algorithm === "token" || algorithm === "basic";
  const signs = algorithm !== "none" && !shows;
  const covers = (part: string) => content?.includes(part as "body") ?? false;
  const coversBody = covers("body") || covers("twilio_body");
  const timeIsCovered =
    timestamp === undefined ||
    covers("timestamp") ||
    (coversBody && timestamp.from.every((place) => "body" in place));
  const inItems = signature?.from.filter((place) => "item" in place).length ?? 0;
  const rules: Rule[] = [
    [algorithm !== "none" && signature === undefined, "signature", `is missing, and ${algorithm} needs one`],
    [
      algorithm === "none" && signature !== undefined,
      "signature",
      "is never looked at where the algorithm is none",
    ],
    [signs && content === undefined, "content", `is missing, and ${algorithm} signs some`],
    [!signs && content !== undefined, "content", `is never looked at where the algorithm is ${algorithm}`],
    [!signs && timestamp !== undefined, "timestamp", `is signed by no ${algorithm}`],
    [signs && !timeIsCovered, "timestamp", "is not part of the content, so that anyone could change it"],
    [
      signs && content !== undefined && !coversBody && scheme.body_unsigned !== true,
      "content",
      "does not hold the body; say body_unsigned: true if it is meant",
    ],
    [
      covers("timestamp") && timestamp === undefined,
      "content",
      "holds a timestamp that the scheme does not place",
    ],
    [covers("id") && id === undefined, "content", "holds an id that the scheme does not place"],
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
      "stands in items, which only a token can, and then nowhere else",
    ],
    [scheme.ack.status === 204 && scheme.ack.body === "json", "ack.status", "is 204, which has no body"],
    [
      scheme.items === undefined && places(scheme).some((place) => "item" in place),
      "items",
      "is missing, and a place stands in an item",
    ],
  ];
  return [
    ...rules,
    ...scheme.challenges.flatMap((challenge, index) => challengeRules(scheme, challenge, index)),
  ]
    .filter(([broken]) => broken)
    .map(([, field, message]) => ({ field: `scheme.${field}`, message }));
}

type Rule = [broken: boolean, field: string, message: string];

/** What a handshake cannot be: it would never be answered, or give away what it should prove. */
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
      [...read, ...Object.values(answer.headers ?? {})].some((place) => "item" in place),
      field("when"),
      "reads an item, and a handshake is no batch",
    ],
    [
      capture !== undefined && proof !== "pending",
      field("capture"),
      "needs the proof pending: a secret is stored only while there is none",
    ],
    [
      json.some((part) => "hmac_hex" in part) && (proof !== "signature" || !algorithm.startsWith("hmac-")),
      field("answer.json"),
      "holds an hmac_hex, which needs an HMAC algorithm and the proof signature",
    ],
    [
      answer.text !== undefined && answer.json !== undefined,
      field("answer"),
      "has a text and a JSON body, and can have one",
    ],
    [answer.status === 204 && echoed.length > 0, field("answer.status"), "is 204, which has no body"],
    [named !== undefined, field("answer.headers"), `names ${named}, which the server sets`],
  ];
}

type Challenge = Scheme["challenges"][number];

/** Headers that frame an answer, or that no provider's handshake may choose. */
const SET_BY_THE_SERVER =
  /^(?:connection|content-(?:encoding|length|type)|date|keep-alive|location|set-cookie|te|trailer|transfer-encoding|upgrade|x-content-type-options)$/i;

function places(scheme: Scheme): Place[] {
  const { signature, delivery_id = [], type, occurred_at, account = [] } = scheme;
  const suffix = type.suffix === undefined ? [] : [type.suffix];
  return [
    ...(signature?.from ?? []),
    ...delivery_id.flatMap(partsOf),
    ...type.from,
    ...suffix,
    ...(occurred_at?.from ?? []),
    ...account,
  ];
}

/** The places that an id is made of. */
export function partsOf(place: DeliveryIdPlace): Place[] {
  return "join" in place ? place.join : [place];
}
