import type { FastifySchemaCompiler } from "fastify";
import type { Static, TSchema } from "typebox";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import { parseBody } from "../../domain/event/body.ts";
import { ConnectorInput } from "../../http/connectors/connector-schema.ts";
import { compileValidator } from "../../http/server/validation.ts";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import { checkConnectorSource } from "../../synthetic/sources/check-connector-source.ts";
import type { ConnectorSource } from "../../synthetic/sources/connector-source.ts";

/** A fault of a connector: its field, if it has one, and a sentence that says what to do. */
export interface Problem {
  field?: string;
  message: string;
}

/** The body of a PUT of a connector, as the API would take it, or everything for which the API would refuse it. */
export type ConnectorReading =
  | { kind: "connector"; connector: Static<typeof ConnectorInput> }
  | { kind: "refused"; problems: Problem[] };

/** Reads a connector from the text of its file. Halves whose fields are valid are checked even if the other's are not. */
export function readConnector(text: Buffer): ConnectorReading {
  const parsed = parseBody({ contentType: "application/json", body: text });
  if (parsed.kind !== "parsed") return { kind: "refused", problems: [{ message: parsed.reason }] };
  const { data } = parsed;
  const problems = problemsOf(() => {
    const route = { schema: ConnectorInput, method: "PUT", url: "", httpPart: "body" };
    const validate = compileValidator(route as Parameters<FastifySchemaCompiler<TSchema>>[0]);
    const result = validate(data) as { error?: Error };
    if (result.error !== undefined) throw result.error;
  });
  const has = (half: "webhook" | "source") =>
    typeof data === "object" &&
    data !== null &&
    Object.hasOwn(data, half) &&
    !problems.some(({ field }) => field === undefined || field === half || field.startsWith(`${half}.`));
  const { webhook, source } = (data ?? {}) as { webhook?: Record<string, unknown>; source?: ConnectorSource };
  if (has("webhook")) {
    const prefix = (field: string) => (field.startsWith("webhook") ? field : `webhook.${field}`);
    problems.push(...problemsOf(() => schemeOf(webhook, {}), prefix));
  }
  if (has("source")) problems.push(...problemsOf(() => checkConnectorSource(source as ConnectorSource)));
  if (problems.length === 0 && webhook === undefined && source === undefined) {
    problems.push({ message: "The file has neither a webhook nor a source: add one of them, or both" });
  }
  if (problems.length > 0) return { kind: "refused", problems };
  return { kind: "connector", connector: data as Static<typeof ConnectorInput> };
}

/** Returns the faults for which the check throws. Other errors are thrown again. */
export function problemsOf(check: () => unknown, fieldOf = (field: string) => field): Problem[] {
  try {
    check();
    return [];
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    if (error.details === undefined || error.details.length === 0) return [{ message: error.message }];
    return error.details.map((detail) => ({ field: fieldOf(detail.field), message: sentenceOf(detail) }));
  }
}

function sentenceOf({ expected, got, message }: ErrorDetail): string {
  if (message !== undefined) return message;
  return `expected ${expected}${got === undefined ? "" : `, got ${got}`}`;
}
