import { Type } from "typebox";
import { closed, Id, line } from "../field-schemas.ts";

/** Returns the schema of a dotted path to a value in JSON. */
const path = (description: string, minLength = 0) =>
  Type.String({
    pattern: "^[^\\u0000-\\u001f\\u007f]*$",
    minLength,
    maxLength: 512,
    description: `a dotted path: ${description}`,
  });

/** The name of a query parameter. */
const QueryName = line(100);

const texts = (maxLength: number) =>
  Type.Record(Type.String({ minLength: 1, maxLength: 100 }), line(maxLength, 0), {
    maxProperties: 32,
    description: "an object of at most 32 strings",
  });

const Url = Type.String({
  minLength: 1,
  maxLength: 2048,
  description: "an absolute http or https URL, in which {name} takes a param",
});

const Request = Type.Object(
  {
    url: Url,
    method: Type.Optional(Type.Enum(["GET", "POST"], { default: "GET" })),
    headers: Type.Optional(texts(4096)),
    query: Type.Optional(texts(2048)),
  },
  { ...closed, description: "an object: { url, method?, headers?, query? }" },
);

const Auth = Type.Union(
  [
    Type.Object({ type: Type.Literal("bearer") }, closed),
    Type.Object({ type: Type.Literal("basic") }, closed),
    Type.Object(
      {
        type: Type.Literal("api_key"),
        in: Type.Optional(Type.Enum(["header", "query"], { default: "header" })),
        name: line(100),
        prefix: Type.Optional(line(100)),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal("oauth2"),
        grant: Type.Enum(["client_credentials", "refresh_token"]),
        token_url: Url,
        scope: Type.Optional(line(1000)),
        client_auth: Type.Optional(
          Type.Enum(["basic", "body"], {
            default: "basic",
            description: "basic or body: where the client id and secret are sent",
          }),
        ),
      },
      closed,
    ),
  ],
  { description: "an object whose type is bearer, basic, api_key or oauth2" },
);

const size = Type.Integer({ minimum: 1, maximum: 100_000 });

const Pagination = Type.Union(
  [
    Type.Object({ type: Type.Literal("none") }, closed),
    Type.Object(
      {
        type: Type.Literal("page"),
        param: Type.Optional(QueryName),
        start: Type.Optional(Type.Integer({ minimum: 0, maximum: 1_000_000, default: 1 })),
        size_param: Type.Optional(QueryName),
        size: Type.Optional(size),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal("offset"),
        param: Type.Optional(QueryName),
        limit_param: Type.Optional(QueryName),
        limit: Type.Optional(Type.Integer({ minimum: 2, maximum: 100_000, default: 100 })),
      },
      closed,
    ),
    Type.Object(
      {
        type: Type.Literal("cursor"),
        param: Type.Optional(QueryName),
        next: path("the next cursor in a page", 1),
      },
      closed,
    ),
    Type.Object({ type: Type.Literal("link") }, closed),
    Type.Object({ type: Type.Literal("next_url"), next: path("the next URL in a page", 1) }, closed),
  ],
  { description: "an object whose type is none, page, offset, cursor, link or next_url" },
);

const pointers = Type.Array(Type.String({ maxLength: 1000 }), {
  maxItems: 100,
  description: "at most 100 JSON pointers, in which * stands for any key or element",
});

const RecordId = path("the id of a record", 1);

/** Values of params, by the names that stand in braces. */
export const SourceParamValues = Type.Record(
  Type.String({ pattern: "^[A-Za-z_][A-Za-z0-9_.-]{0,99}$" }),
  line(1000, 0),
  {
    maxProperties: 32,
    description: "an object of at most 32 strings, whose names are of A-Z a-z 0-9 _ . -",
  },
);

/** How the records of a connector are polled: over HTTP if it has a request, or by code if it has a handler. */
export const ConnectorSourceInput = Type.Object(
  {
    request: Type.Optional(Request),
    params: Type.Optional(SourceParamValues),
    auth: Type.Optional(Auth),
    pagination: Type.Optional(Pagination),
    records: Type.Optional(path("the array of records in a page; empty if the page is that array")),
    total: Type.Optional(path("the number of all records", 1)),
    columns: Type.Optional(
      Type.Literal("first_row", {
        description: "first_row: records are arrays of cells, and the first of them names the columns",
      }),
    ),
    empty: Type.Optional(
      Type.Array(Type.Enum(["missing", "null"]), {
        maxItems: 2,
        description: "an array of missing and null: values at records that mean an empty list",
      }),
    ),
    handler: Type.Optional(Id),
    id: Type.Optional(
      Type.Union([RecordId, Type.Array(RecordId, { minItems: 1, maxItems: 8 })], {
        description: "a dotted path of the id of a record, or 1 to 8 of them",
      }),
    ),
    updated_at: Type.Optional(path("the time of change in a record", 1)),
    ignore: Type.Optional(pointers),
    sets: Type.Optional(pointers),
    keyed: Type.Optional(
      Type.Record(Type.String({ maxLength: 1000 }), path("the id of an element", 1), {
        maxProperties: 100,
        description:
          "an object of at most 100 JSON pointers, each with the dotted path of the id of an element",
      }),
    ),
    null_equals_missing: Type.Optional(Type.Boolean({ default: false })),
    rate_limit: Type.Optional(
      Type.Object(
        {
          requests: Type.Integer({ minimum: 1, maximum: 1_000_000 }),
          per_seconds: Type.Integer({ minimum: 1, maximum: 86_400 }),
          shared: Type.Optional(
            Type.Boolean({ default: false, description: "a boolean: one limit for all tenants" }),
          ),
        },
        { ...closed, description: "an object: { requests, per_seconds, shared? }" },
      ),
    ),
    webhook: Type.Optional(
      Type.Object(
        {
          record: Type.Optional(path("the record in a webhook's data; empty if the data is the record")),
          types: Type.Record(
            Type.String({ minLength: 1, maxLength: 200 }),
            Type.Enum(["created", "updated", "deleted"]),
            {
              minProperties: 1,
              maxProperties: 100,
              description: "an object of 1 to 100 event types, each created, updated or deleted",
            },
          ),
        },
        {
          ...closed,
          description:
            "an object: { record?, types }: which webhooks report changes of a record, so that polls need not",
        },
      ),
    ),
  },
  { ...closed, description: "an object: { request, … } or { handler, … }" },
);
