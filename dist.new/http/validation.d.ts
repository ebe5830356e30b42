import type { FastifySchemaCompiler } from "fastify";
import type { TSchema } from "typebox";
/**
 * Validates every part of a request with TypeBox itself, so that types, validation and OpenAPI come from one schema.
 * Bodies are taken as they are: nothing is converted, filled in or dropped. Of path and query, which are text, whole
 * numbers are read where the schema wants an integer. What does not fit is an `invalid_request` that names each field.
 */
export declare const compileValidator: FastifySchemaCompiler<TSchema>;
