import { type Static, Type } from "typebox";

/**
 * A webhook scheme is data: how a provider signs, names and repeats its deliveries. The vocabulary is closed: no
 * code, no templates, no patterns. One verifier and one reader serve every scheme; `check-scheme.ts` refuses what
 * contradicts itself. Field names are those of the JSON in which connectors bring their own schemes.
 */
const closed = { additionalProperties: false };

const HeaderName = Type.String({
  pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$",
  description: "The name of an HTTP header, in any case.",
});

const Pointer = Type.String({
  pattern: "^(?:/(?:[^/~]|~[01])*)*$",
  maxLength: 256,
  description: "A JSON pointer (RFC 6901); the empty one is the whole.",
});

const HeaderPlace = Type.Object(
  {
    header: HeaderName,
    separator: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4,
        description: "The header is a list; only entries that begin with the prefix count.",
      }),
    ),
    prefix: Type.Optional(
      Type.String({ maxLength: 64, description: "Stands before the value and is not part of it." }),
    ),
  },
  closed,
);
const BodyPlace = Type.Object({ body: Pointer }, closed);
const QueryPlace = Type.Object({ query: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

const ItemPlace = Type.Object({ item: Pointer }, closed);

const Place = Type.Union(
  [
    HeaderPlace,
    BodyPlace,
    QueryPlace,
    ItemPlace,
    Type.Object({ literal: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
  ],
  {
    description:
      "A place where a value stands: { header, separator?, prefix? }, { body: pointer }, { query }, { item: pointer } " +
      "(in one item of a batch), or { literal }.",
  },
);
export type Place = Static<typeof Place>;

const FirstOf = Type.Array(Place, {
  minItems: 1,
  maxItems: 8,
  description: "The first place that holds a value.",
});

const DeliveryIdPlace = Type.Union(
  [...Place.anyOf, Type.Object({ join: Type.Array(Place, { minItems: 2, maxItems: 6 }) }, closed)],
  {
    description:
      "A place: { header, separator?, prefix? }, { body: pointer }, { query }, { item: pointer }, or " +
      "{ join: places }, which is there when all of them are.",
  },
);
export type DeliveryIdPlace = Static<typeof DeliveryIdPlace>;

const TimeUnit = Type.Enum(["s", "ms", "rfc3339"], {
  description: "How a time is written: whole seconds or milliseconds since 1970, or RFC 3339 with a zone.",
});
export type TimeUnit = Static<typeof TimeUnit>;

const Algorithm = Type.Enum(
  [
    "hmac-sha256",
    "hmac-sha1",
    "hmac-sha512",
    "sha256-prefixed",
    "ed25519",
    "ecdsa-p256-sha256",
    "rsa-sha256",
    "token",
    "basic",
    "none",
  ],
  {
    description:
      "How the signature is made. sha256-prefixed is SHA-256 over the secret and then the content. The secret of " +
      "ed25519, ecdsa and rsa is the public key (raw, SPKI DER, or PEM; of a certificate too). A token is the secret " +
      "itself, sent along; basic is the token user:password in base64 (RFC 7617). none verifies nothing.",
  },
);
export type Algorithm = Static<typeof Algorithm>;

const SignatureEncoding = Type.Enum(["hex", "hex_any_case", "base64", "text"], {
  description: "hex is lower case; base64 is standard, padded and canonical; text is for tokens only.",
});
export type SignatureEncoding = Static<typeof SignatureEncoding>;

const ContentPart = Type.Union(
  [
    Type.Literal("body"),
    Type.Literal("timestamp"),
    Type.Literal("id"),
    Type.Literal("method"),
    Type.Literal("url"),
    Type.Literal("twilio_body"),
    Type.Literal("body_crc32"),
    Type.Object({ literal: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
    Type.Object({ header: HeaderName }, closed),
  ],
  {
    description:
      "One of body (its exact bytes), timestamp and id (as sent), method, url (the public one, with its query), " +
      "twilio_body (the sorted fields of a form; nothing where the query has the body's SHA-256), body_crc32 (in " +
      "decimal), { literal } or { header }.",
  },
);

const Challenge = Type.Object(
  {
    when: Type.Array(
      Type.Object({ at: Place, equals: Type.Optional(Type.String({ maxLength: 256 })) }, closed),
      { minItems: 1, maxItems: 4, description: "All must hold: the place holds this value, or any." },
    ),
    method: Type.Optional(Type.Enum(["GET", "POST"], { description: "POST." })),
    proof: Type.Union(
      [
        Type.Literal("signature"),
        Type.Literal("pending"),
        Type.Literal("none"),
        Type.Object({ token: Place, equals: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
      ],
      {
        description:
          "One of signature, pending (the endpoint has no secret yet), none, or { token: place, equals }: what " +
          "must hold before it is answered.",
      },
    ),
    capture: Type.Optional(
      Type.Object(
        { from: Place, show: Type.Optional(Type.Boolean()) },
        {
          ...closed,
          description:
            "{ from: place, show? }: the endpoint's secret from now on; show lets a person read it once it came.",
        },
      ),
    ),
    answer: Type.Object(
      {
        status: Type.Enum([200, 204]),
        content_type: Type.Optional(Type.Enum(["text/plain", "application/json"])),
        headers: Type.Optional(
          Type.Record(HeaderName, Place, {
            ...closed,
            description: "an object of places by the name of a header",
          }),
        ),
        text: Type.Optional(Place),
        json: Type.Optional(
          Type.Record(
            Type.String({ maxLength: 100 }),
            Type.Union([Place, Type.Object({ hmac_hex: Place }, closed)], {
              description: "A place, or { hmac_hex: place }.",
            }),
          ),
        ),
      },
      closed,
    ),
  },
  { ...closed, description: "A handshake or ping: recognised, proved, answered, and never routed." },
);

const stated = {
  algorithm: Algorithm,
  signature: Type.Optional(
    Type.Object(
      {
        from: Type.Array(
          Type.Union([HeaderPlace, BodyPlace, QueryPlace, ItemPlace], {
            description:
              "A place where signatures stand: { header, separator?, prefix? }, { body: pointer }, { query }, or " +
              "{ item: pointer } where every item of a batch holds a token.",
          }),
          {
            minItems: 1,
            maxItems: 8,
            description: "Every signature found is tried; one that holds is enough.",
          },
        ),
        encoding: SignatureEncoding,
      },
      closed,
    ),
  ),
  content: Type.Optional(
    Type.Array(ContentPart, {
      minItems: 1,
      maxItems: 16,
      description: "What is signed, in order, without separators.",
    }),
  ),
  body_unsigned: Type.Optional(
    Type.Literal(true, { description: "Must be said where the signature does not cover the body." }),
  ),
  timestamp: Type.Optional(
    Type.Object(
      {
        from: Type.Array(
          Type.Union([HeaderPlace, BodyPlace], {
            description: "A place: { header, separator?, prefix? } or { body: pointer }.",
          }),
          { minItems: 1, maxItems: 2, description: "The first place that holds a time." },
        ),
        unit: TimeUnit,
        tolerance_s: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 3_600, description: "Seconds it may be off either way; 300." }),
        ),
      },
      { ...closed, description: "The signed time of sending. Without one there is no freshness to check." },
    ),
  ),
  delivery_id: Type.Optional(
    Type.Array(DeliveryIdPlace, {
      minItems: 1,
      maxItems: 4,
      description: "The first place that holds an id, which every attempt of a delivery has in common.",
    }),
  ),
  type: Type.Object(
    { from: FirstOf, suffix: Type.Optional(Place) },
    { ...closed, description: "The event type; the suffix follows a dot where there is one." },
  ),
  occurred_at: Type.Optional(Type.Object({ from: FirstOf, unit: TimeUnit }, closed)),
  account: Type.Optional(FirstOf),
  items: Type.Optional(
    Type.Array(Pointer, {
      minItems: 1,
      maxItems: 4,
      description: "Where a batch holds its items: the first pointer that names an array. Each is an event.",
    }),
  ),
};

const defaulted = {
  secret: Type.Object(
    {
      encoding: Type.Enum(["text", "base64", "hex", "html"]),
      prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
    },
    {
      ...closed,
      description:
        "How the bytes of the key are written, after a prefix that may be left out; html is text with entities. A " +
        "secret that is not written so is taken as text.",
    },
  ),
  retry_span_s: Type.Integer({
    minimum: 60,
    maximum: 2_592_000,
    description: "For how long the provider may send one delivery again, in seconds; 259200 (72 hours).",
  }),
  equal_bodies: Type.Enum(["duplicate", "event"], {
    description:
      "What a body is that came before within the retry span, under another id that is not signed: a duplicate, " +
      "since whoever captured it can send it so; or an event of its own.",
  }),
  challenges: Type.Array(Challenge, { maxItems: 4 }),
  ack: Type.Object(
    { status: Type.Enum([200, 202, 204]), body: Type.Enum(["json", "empty"]) },
    { ...closed, description: "The answer to an accepted delivery; 200 with JSON." },
  ),
  body_limit_bytes: Type.Integer({ minimum: 1, maximum: 26_214_400, description: "1 MiB." }),
  methods: Type.Array(Type.Enum(["POST", "GET", "PUT", "PATCH", "DELETE"]), { minItems: 1, maxItems: 5 }),
};

/** What stands in a scheme that leaves the fields out. */
export const SCHEME_DEFAULTS: Static<Type.TObject<typeof defaulted>> = {
  secret: { encoding: "text" },
  retry_span_s: 259_200,
  equal_bodies: "duplicate",
  challenges: [],
  ack: { status: 200, body: "json" },
  body_limit_bytes: 1_048_576,
  methods: ["POST"],
};

/** A scheme as a connector brings it: what has a default may be left out. */
export const SchemeInput = Type.Object(
  { ...stated, ...Type.Partial(Type.Object(defaulted)).properties },
  closed,
);
export type SchemeInput = Static<typeof SchemeInput>;

/** A whole scheme, which `checkScheme` has found free of contradictions. */
export type Scheme = SchemeInput & typeof SCHEME_DEFAULTS;
