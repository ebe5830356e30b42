import { type Static, Type } from "typebox";

/**
 * A webhook scheme is data: it describes how a provider signs, identifies and retries its deliveries. The vocabulary is
 * closed: no code, no templates, no patterns. One verifier and one reader serve every scheme. `check-scheme.ts` refuses
 * contradictions. Field names are those of the JSON with which connectors define their own schemes.
 */
const closed = { additionalProperties: false };

const HeaderName = Type.String({
  pattern: "^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$",
  description: "The name of an HTTP header, in any case.",
});

const Pointer = Type.String({
  pattern: "^(?:/(?:[^/~]|~[01])*)*$",
  maxLength: 256,
  description: "A JSON pointer (RFC 6901); the empty one selects the whole document.",
});

const InnerPointer = Type.String({
  pattern: "^(?:/(?:[^/~]|~[01])*)+$",
  maxLength: 256,
  description: "A JSON pointer (RFC 6901) that is not empty.",
});

const HeaderSelector = Type.Object(
  {
    header: HeaderName,
    separator: Type.Optional(
      Type.String({
        minLength: 1,
        maxLength: 4,
        description: "The header is a list; only entries with the prefix count.",
      }),
    ),
    prefix: Type.Optional(
      Type.String({
        maxLength: 64,
        description:
          "Text before the value that is not part of it. One word and a blank, as in Bearer, is compared in any case.",
      }),
    ),
  },
  closed,
);
const BodySelector = Type.Object({ body: Pointer }, closed);
const QuerySelector = Type.Object({ query: Type.String({ minLength: 1, maxLength: 100 }) }, closed);

const ItemSelector = Type.Object({ item: Pointer }, closed);

const Selector = Type.Union(
  [
    HeaderSelector,
    BodySelector,
    QuerySelector,
    ItemSelector,
    Type.Object({ literal: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
  ],
  {
    description:
      "A selector of a value: { header, separator?, prefix? }, { body: pointer }, { query }, { item: pointer } " +
      "(in one item of a batch), or { literal }.",
  },
);
/** Selects a value of a request. */
export type Selector = Static<typeof Selector>;

const firstThatFinds = "Selectors; the first one that finds a value applies.";
const FirstOf = Type.Array(Selector, { minItems: 1, maxItems: 8, description: firstThatFinds });

/** Most providers have another place for each kind of event. */
const PlacesByKind = Type.Array(Selector, { minItems: 1, maxItems: 40, description: firstThatFinds });

const DeliveryIdSelector = Type.Union(
  [...Selector.anyOf, Type.Object({ join: Type.Array(Selector, { minItems: 2, maxItems: 8 }) }, closed)],
  {
    description:
      "A selector: { header, separator?, prefix? }, { body: pointer }, { query }, { item: pointer }, or " +
      "{ join: selectors }, which finds a value if all of them do.",
  },
);
/** Selects a delivery id, possibly joined from several values. */
export type DeliveryIdSelector = Static<typeof DeliveryIdSelector>;

const TimeUnit = Type.Enum(["s", "ms", "rfc3339", "iso8601", "rfc2822"], {
  description:
    "The unit of a time: s or ms since 1970 as an integer, rfc3339 with a zone, iso8601, which may have no zone (it is " +
    "UTC then) or one without a colon, and blanks as in 2026-01-01 00:00:00 UTC, or rfc2822, as in Thu, 01 Jan 2026 " +
    "00:00:00 +0000.",
});
/** The unit in which a provider writes times. */
export type TimeUnit = Static<typeof TimeUnit>;

const EventTime = Type.Object({ from: PlacesByKind, unit: TimeUnit }, closed);

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
      "The signature algorithm. sha256-prefixed is SHA-256 over the secret and then the content. The secret of " +
      "ed25519, ecdsa and rsa is the public key (raw, SPKI DER, or PEM, also of a certificate). token sends the secret " +
      "itself; basic sends user:password in base64 (RFC 7617). none verifies nothing.",
  },
);
/** The algorithm with which deliveries are signed. */
export type Algorithm = Static<typeof Algorithm>;

const SignatureEncoding = Type.Enum(["hex", "hex_any_case", "base64", "text"], {
  description: "hex is lower case; base64 is standard, padded and canonical; text is only for tokens.",
});
/** The encoding of a signature. */
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
      "twilio_body (the sorted fields of a form; empty if the query has the body's SHA-256), body_crc32 (in " +
      "decimal), { literal } or { header }.",
  },
);

const Challenge = Type.Object(
  {
    when: Type.Array(
      Type.Object({ at: Selector, equals: Type.Optional(Type.String({ maxLength: 256 })) }, closed),
      {
        minItems: 1,
        maxItems: 4,
        description:
          "All must match: the selector finds this value, or any value. Content types are compared without their " +
          "parameters, in any case.",
      },
    ),
    method: Type.Optional(Type.Enum(["GET", "POST"], { description: "POST." })),
    proof: Type.Union(
      [
        Type.Literal("signature"),
        Type.Literal("pending"),
        Type.Literal("none"),
        Type.Object({ token: Selector, equals: Type.String({ minLength: 1, maxLength: 256 }) }, closed),
      ],
      {
        description:
          "One of signature, pending (the endpoint has no secret yet), none, or { token: selector, equals }: the " +
          "condition for an answer.",
      },
    ),
    capture: Type.Optional(
      Type.Object(
        { from: Selector, show: Type.Optional(Type.Boolean()) },
        {
          ...closed,
          description:
            "{ from: selector, show? }: becomes the endpoint's secret; show lets a person read it afterwards.",
        },
      ),
    ),
    answer: Type.Object(
      {
        status: Type.Enum([200, 204]),
        content_type: Type.Optional(Type.Enum(["text/plain", "application/json"])),
        headers: Type.Optional(
          Type.Record(HeaderName, Selector, {
            ...closed,
            description: "an object of selectors by header name",
          }),
        ),
        text: Type.Optional(Selector),
        json: Type.Optional(
          Type.Record(
            Type.String({ maxLength: 100 }),
            Type.Union([Selector, Type.Object({ hmac_hex: Selector }, closed)], {
              description: "A selector, or { hmac_hex: selector }.",
            }),
          ),
        ),
      },
      closed,
    ),
  },
  {
    ...closed,
    description: "A handshake or ping: it is recognised, proved and answered, and makes no event.",
  },
);

const stated = {
  algorithm: Algorithm,
  signature: Type.Optional(
    Type.Object(
      {
        from: Type.Array(
          Type.Union([HeaderSelector, BodySelector, QuerySelector, ItemSelector], {
            description:
              "A selector of signatures: { header, separator?, prefix? }, { body: pointer }, { query }, or " +
              "{ item: pointer } if every item of a batch has a token.",
          }),
          {
            minItems: 1,
            maxItems: 100,
            description: "Every signature found is tried; one valid signature is enough.",
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
      description: "The signed parts, in order, without separators.",
    }),
  ),
  url_forms: Type.Optional(
    Type.Array(Type.Enum(["with_port", "without_port", "decoded"]), {
      minItems: 1,
      maxItems: 3,
      description:
        "Further forms of the URL that the provider may sign: with or without its port, or with : / ? @ ! $ ' ( ) * , " +
        "and ; unescaped.",
    }),
  ),
  body_unsigned: Type.Optional(
    Type.Literal(true, { description: "Required if the signature does not cover the body." }),
  ),
  timestamp: Type.Optional(
    Type.Object(
      {
        from: Type.Array(
          Type.Union([HeaderSelector, BodySelector], {
            description: "A selector: { header, separator?, prefix? } or { body: pointer }.",
          }),
          { minItems: 1, maxItems: 2, description: "Selectors; the first one that finds a time applies." },
        ),
        unit: TimeUnit,
        tolerance_s: Type.Optional(
          Type.Integer({ minimum: 1, maximum: 3_600, description: "Seconds off in either direction; 300." }),
        ),
        retries_keep_time: Type.Optional(
          Type.Literal(true, {
            description:
              "The provider retries with the time of the first attempt: a delivery may be as old as the retry span.",
          }),
        ),
      },
      { ...closed, description: "The signed time of sending. Without it there is no freshness check." },
    ),
  ),
  delivery_id: Type.Optional(
    Type.Array(DeliveryIdSelector, {
      minItems: 1,
      maxItems: 4,
      description:
        "Selectors; the first one that finds an id applies. All retries of a delivery have the same id.",
    }),
  ),
  type: Type.Object(
    { from: FirstOf, suffix: Type.Optional(Selector) },
    { ...closed, description: "The event type; a suffix is appended after a dot if it is found." },
  ),
  occurred_at: Type.Optional(
    Type.Union([EventTime, Type.Array(EventTime, { minItems: 1, maxItems: 4 })], {
      description:
        "The provider's time of the event: { from: selectors, unit }, or a list of them, of which the first that finds a " +
        "time in its unit applies.",
    }),
  ),
  account: Type.Optional(
    Type.Array(Selector, {
      minItems: 1,
      maxItems: 8,
      description: "Selectors of the account at the provider; the first one that finds a value applies.",
    }),
  ),
  subject: Type.Optional(
    Type.Array(Selector, {
      minItems: 1,
      maxItems: 40,
      description:
        "Selectors of the thing that the event is about; the first one that finds a value of at most 200 characters " +
        "applies.",
    }),
  ),
  tokens: Type.Optional(
    Type.Array(
      Type.Union([HeaderSelector, BodySelector, QuerySelector, ItemSelector], {
        description: "A selector: { header }, { body: pointer }, { query }, or { item: pointer }.",
      }),
      {
        minItems: 1,
        maxItems: 8,
        description:
          "Further secrets in a delivery, such as an old verification token beside the signature. They prove nothing, and " +
          "are left out of what is stored, as the signatures are.",
      },
    ),
  ),
  probe: Type.Optional(
    Type.Boolean({
      description:
        "True answers HEAD, and GET if it is no delivery, with 200 without a proof and without an event: some providers " +
        "check a URL so. The answer is the same for every endpoint of the connector, also for one that does not exist.",
    }),
  ),
  items: Type.Optional(
    Type.Array(Pointer, {
      minItems: 1,
      maxItems: 4,
      description:
        "Pointers to the items of a batch: the first one that names an array applies. Each item is an event.",
    }),
  ),
  nested: Type.Optional(
    Type.Array(
      Type.Array(InnerPointer, {
        minItems: 1,
        maxItems: 4,
        description: "Pointers, in a thing of the level above, to lists of things.",
      }),
      {
        minItems: 1,
        maxItems: 3,
        description:
          "Levels of lists in an item. Each innermost thing is an event, whose data is the item with only this thing in " +
          "its lists, so that selectors and conditions read it at index 0.",
      },
    ),
  ),
  beside: Type.Optional(
    Type.Array(Type.String({ minLength: 1, maxLength: 100 }), {
      maxItems: 32,
      description:
        "Names of the members beside the list of items that each item gets, unless it has its own of that name; all " +
        "of them by default. None if they and their copies exceed 8 MiB.",
    }),
  ),
};

const Prefixes = Type.Array(Type.String({ minLength: 1, maxLength: 64 }), { minItems: 1, maxItems: 8 });

const defaulted = {
  secret: Type.Object(
    {
      encoding: Type.Enum(["text", "base64", "hex", "html"]),
      prefix: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
      other_prefixes: Type.Optional(Prefixes),
      wrong_prefixes: Type.Optional(Prefixes),
      strict: Type.Optional(Type.Literal(true)),
    },
    {
      ...closed,
      description:
        "The encoding of the key, after a prefix that may be missing; html is text with entities. other_prefixes are " +
        "further texts with which the provider shows it. A secret in any other form is used as text, unless strict is " +
        "true. A secret with one of wrong_prefixes is a key of another kind and is refused.",
    },
  ),
  retry_span_s: Type.Integer({
    minimum: 60,
    maximum: 2_592_000,
    description: "How long the provider may retry a delivery, in seconds; 259200 (72 hours).",
  }),
  equal_bodies: Type.Enum(["duplicate", "event"], {
    description:
      "How an equal body within the retry span under another unsigned id, or without an id, counts: duplicate, because " +
      "anyone who captured it can send it so; or event, an event of its own.",
  }),
  challenges: Type.Array(Challenge, { maxItems: 4 }),
  ack: Type.Object(
    { status: Type.Enum([200, 202, 204]), body: Type.Enum(["json", "empty"]) },
    { ...closed, description: "The response to an accepted delivery; 200 with JSON." },
  ),
  body_limit_bytes: Type.Integer({ minimum: 1, maximum: 26_214_400, description: "5 MiB." }),
  methods: Type.Array(Type.Enum(["POST", "GET", "PUT", "PATCH", "DELETE"]), { minItems: 1, maxItems: 5 }),
};

/** Values of the fields that a scheme leaves out. */
export const SCHEME_DEFAULTS: Static<Type.TObject<typeof defaulted>> = {
  secret: { encoding: "text" },
  retry_span_s: 259_200,
  equal_bodies: "duplicate",
  challenges: [],
  ack: { status: 200, body: "json" },
  body_limit_bytes: 5_242_880,
  methods: ["POST"],
};

/** A scheme as a connector defines it: fields with a default may be left out. */
export const SchemeInput = Type.Object(
  { ...stated, ...Type.Partial(Type.Object(defaulted)).properties },
  closed,
);
export type SchemeInput = Static<typeof SchemeInput>;

/** A complete scheme that `checkScheme` has validated. */
export type Scheme = SchemeInput & typeof SCHEME_DEFAULTS;
