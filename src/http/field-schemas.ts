import { type Static, type TSchema, Type } from "typebox";
import { NAME_PATTERN } from "../domain/name.ts";

/** Returns a schema that also admits null. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  return Type.Union([schema, Type.Null()]);
}

/** References a schema that is registered under its `$id`, so that the OpenAPI document contains it once. */
export function reference<Schema extends TSchema>(schema: Schema) {
  const { $id } = schema as { $id?: string };
  return Type.Unsafe<Static<Schema>>({ $ref: `${$id}#` });
}

/** Refuses fields that the schema does not name. */
export const closed = { additionalProperties: false } as const;

/** The name of a tenant, connector, endpoint or flow, chosen by the caller. */
export const Id = Type.String({
  pattern: NAME_PATTERN,
  description: "1 to 128 of A-Z a-z 0-9 _ . -, the first a letter or digit",
});

/** A UUID. */
export const Uuid = Type.String({ format: "uuid", description: "a UUID" });

/** An instant with a zone. */
export const Instant = Type.String({ format: "date-time", description: "an RFC 3339 time with a zone" });

/** Returns the schema of a text without control characters. */
export function line(maxLength: number, minLength = 1) {
  return Type.String({
    pattern: "^[^\\u0000-\\u001f\\u007f]*$",
    minLength,
    maxLength,
    description: `${minLength} to ${maxLength} characters without control characters`,
  });
}

/** A name for people. */
export const DisplayName = line(200);

/** A priority, 1 being the highest. */
export const Priority = Type.Unsafe<1 | 2 | 3 | 4>(
  Type.Integer({
    minimum: 1,
    maximum: 4,
    description: "1 user-triggered, 2 webhooks, 3 background, 4 polling",
  }),
);

/** The path parameter of a tenant. */
export const TenantParams = Type.Object({ tenant_id: Id });
