import type { FastifySchemaCompiler } from "fastify";
import { type TSchema, Type } from "typebox";
import { Compile, type Validator } from "typebox/compile";
import type { TLocalizedValidationError } from "typebox/error";
import { Value } from "typebox/value";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";

/**
 * Validates every part of a request with TypeBox, so that types, validation and OpenAPI come from one schema. Bodies
 * are neither converted, completed nor stripped. In the path and the query, which are text, whole numbers are read
 * where the schema has an integer. Invalid input is an `invalid_request` with a detail per field. A schema is compiled
 * with the first request, so that startup is fast.
 */
export const compileValidator: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  let validator: Validator<Record<string, never>, TSchema> | undefined;
  return (value: unknown) => {
    validator ??= Compile(schema);
    const read = httpPart === "body" ? value : readIntegers(schema, value);
    if (validator.Check(read)) return { value: read };
    return { error: invalidInput(httpPart ?? "body", schema, read) };
  };
};

function readIntegers(schema: TSchema, value: unknown): unknown {
  if (!isRecord(value)) return value;
  const properties = propertiesOf(schema);
  return Object.fromEntries(
    Object.entries(value).map(([name, text]) => {
      const isInteger = (properties[name] as { type?: string } | undefined)?.type === "integer";
      return [name, isInteger && typeof text === "string" && WHOLE.test(text) ? Number(text) : text];
    }),
  );
}

const WHOLE = /^-?\d{1,15}$/;

function invalidInput(part: string, schema: TSchema, value: unknown): HeadraceError {
  const meant = narrow(schema, value);
  const details = Value.Errors(meant, value).flatMap((error) => detailsOf(meant, value, error));
  const sentences = details.map(({ field, expected, got }) => `${field}: expected ${expected}, got ${got}`);
  const name = { querystring: "query", params: "path" }[part] ?? part;
  return new HeadraceError("invalid_request", `The ${name} is not valid. ${sentences.join("; ")}`, {
    details,
  });
}

/**
 * Replaces each union in the schema with the branch that the value is meant for, so that errors concern only that
 * branch. A union that the value does not fit, and for which no branch can be selected, is reported as a whole.
 */
function narrow(schema: TSchema, value: unknown): TSchema {
  const { anyOf, properties } = schema as { anyOf?: TSchema[]; properties?: Record<string, TSchema> };
  if (anyOf !== undefined) {
    const branches = anyOf.filter((branch) => means(branch, value));
    if (branches.length === 1) return narrow(branches[0] as TSchema, value);
    return Value.Check(schema, value) ? schema : Type.Unsafe({ not: {}, description: describe(schema) });
  }
  if (properties === undefined || !isRecord(value)) return schema;
  const narrowed = Object.entries(properties).map(([name, property]) => [
    name,
    narrow(property, value[name]),
  ]);
  return { ...schema, properties: Object.fromEntries(narrowed) };
}

/** Reports whether the value has the branch's type and its constant fields. */
function means(branch: TSchema, value: unknown): boolean {
  if (kindOf(value) !== (branch as { type?: string }).type) return false;
  return Object.entries(propertiesOf(branch)).every(
    ([name, property]) => !("const" in property) || (isRecord(value) && value[name] === property.const),
  );
}

function detailsOf(schema: TSchema, value: unknown, error: TLocalizedValidationError): ErrorDetail[] {
  // Each additional field is also reported as an error of its own.
  if (error.keyword === "boolean") return [];
  const field = (path: string) => path.slice(1).replaceAll("/", ".") || "body";
  if (error.keyword === "required") {
    return error.params.requiredProperties.map((name) => ({
      field: field(`${error.instancePath}/${name}`),
      expected: describe(propertiesOf(schemaAt(schema, error.schemaPath))[name]),
      got: "nothing",
    }));
  }
  if (error.keyword === "additionalProperties") {
    const known = Object.keys(propertiesOf(schemaAt(schema, error.schemaPath))).join(", ");
    return error.params.additionalProperties.map((name) => ({
      field: field(`${error.instancePath}/${name.slice(0, 100)}`),
      expected: known === "" ? "another name" : `no field but ${known}`,
      got: "an unknown field",
    }));
  }
  const got = kindOf(Value.Pointer.Get(value, error.instancePath));
  const stated = describe(schemaAt(schema, error.schemaPath));
  return [{ field: field(error.instancePath), expected: stated, got }];
}

/** Describes a schema in words: its description, or its most specific keyword. */
function describe(schema: TSchema | undefined): string {
  const { description, enum: values, const: value, type, anyOf, ...bounds } = (schema ?? {}) as Keywords;
  if (description !== undefined) return description;
  if (values !== undefined) return `one of ${values.join(", ")}`;
  if (value !== undefined) return JSON.stringify(value);
  if (anyOf !== undefined) return anyOf.map(describe).join(" or ");
  const limits = Object.entries(bounds).filter(([keyword]) => keyword in BOUNDS);
  const words = limits.map(([keyword, limit]) => `${BOUNDS[keyword]} ${limit}`);
  return [type ?? "a value", ...words].join(", ");
}

interface Keywords {
  description?: string;
  enum?: unknown[];
  const?: unknown;
  type?: string;
  anyOf?: TSchema[];
  [keyword: string]: unknown;
}

const BOUNDS: Record<string, string> = {
  minimum: "at least",
  maximum: "at most",
  minLength: "characters at least",
  maxLength: "characters at most",
  minItems: "items at least",
  maxItems: "items at most",
  maxProperties: "fields at most",
};

function schemaAt(schema: TSchema, path: string): TSchema {
  return Value.Pointer.Get(schema, path.slice(1)) as TSchema;
}

function propertiesOf(schema: TSchema): Record<string, TSchema & { const?: unknown }> {
  return (schema as { properties?: Record<string, TSchema> }).properties ?? {};
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** Returns the JSON Schema type of a value, never the value itself, which may be a secret. */
function kindOf(value: unknown): string {
  if (value === null || value === undefined) return "null";
  return Array.isArray(value) ? "array" : typeof value;
}
