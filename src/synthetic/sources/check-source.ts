import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import { isTimezone } from "../../domain/flow/schedule.ts";
import { readBusinessHours, type SourceDefinition } from "../../domain/source.ts";
import { neededParams } from "./check-connector-source.ts";
import { type ConnectorSource, paramsOf } from "./connector-source.ts";
import { flawsOfCredentials, isSendable, UNSENDABLE } from "./credentials.ts";
import { fillUrl, paramNames } from "./placeholders.ts";
import type { Credentials } from "./polled-source.ts";

/** Throws `unprocessable` for a tenant's source that contradicts itself or lacks something its connector needs. */
export function checkSource(
  connector: ConnectorSource,
  source: { definition: SourceDefinition; credentials: Credentials },
): void {
  const { definition, credentials } = source;
  const details = [
    ...flawsOfParams(connector, definition.params),
    ...flawsOfCredentials(connector, credentials),
    ...flawsOfIntervals(definition),
    ...flawsOfBusinessHours(definition),
  ];
  if (details.length === 0) return;
  const sentences = details.map(({ field, expected, got }) => `${field}: expected ${expected}, got ${got}`);
  throw new HeadraceError("unprocessable", `The source is invalid. ${sentences.join("; ")}`, {
    details,
  });
}

/**
 * Returns the first URLs that a poll calls, with sample values for secrets. Leaves out URLs whose params are invalid.
 */
export function urlsOfSource(connector: ConnectorSource, given: Readonly<Record<string, string>>): string[] {
  const { auth, request } = connector;
  const params = paramsOf(connector, given);
  const templates = [request?.url, auth?.type === "oauth2" ? auth.token_url : undefined];
  return templates.flatMap((template) => {
    const filled = template === undefined ? undefined : fillUrl(template, params, () => "sample");
    return filled?.kind === "url" ? filled.url : [];
  });
}

/** Returns the errors in the params of a source. No detail contains a value. */
export function flawsOfParams(
  connector: ConnectorSource,
  given: Readonly<Record<string, string>>,
): ErrorDetail[] {
  const params = paramsOf(connector, given);
  const missing = neededParams(connector).filter((name) => !Object.hasOwn(params, name));
  if (missing.length > 0) {
    return missing.map((name) => ({
      field: `params.${name}`,
      expected: "a string, which the connector's source needs",
      got: "nothing",
    }));
  }
  const { auth, request } = connector;
  const urls = [request?.url, auth?.type === "oauth2" ? auth.token_url : undefined];
  const flaws = urls.flatMap((url): ErrorDetail[] => {
    const filled = url === undefined ? undefined : fillUrl(url, params, () => "sample");
    return filled?.kind === "flawed"
      ? [{ field: `params.${filled.param}`, expected: filled.expected, got: "another string" }]
      : [];
  });
  const inHeaders = new Set(Object.values(request?.headers ?? {}).flatMap(paramNames));
  const unsendable = [...inHeaders].filter((name) => !isSendable(params[name] as string));
  flaws.push(...unsendable.map((name) => ({ field: `params.${name}`, ...UNSENDABLE })));
  return flaws.filter(({ field }, index) => flaws.findIndex((flaw) => flaw.field === field) === index);
}

function flawsOfIntervals(definition: SourceDefinition): ErrorDetail[] {
  const { min_interval_seconds: min, base_interval_seconds: base, max_interval_seconds: max } = definition;
  return [
    ...(min > base
      ? [{ field: "min_interval_seconds", expected: `at most the base interval, ${base}`, got: String(min) }]
      : []),
    ...(max < base
      ? [{ field: "max_interval_seconds", expected: `at least the base interval, ${base}`, got: String(max) }]
      : []),
  ];
}

function flawsOfBusinessHours({ business_hours: hours }: SourceDefinition): ErrorDetail[] {
  if (hours === undefined) return [];
  const { timezone, from, to } = readBusinessHours(hours);
  return [
    ...(isTimezone(timezone)
      ? []
      : [
          {
            field: "business_hours.timezone",
            expected: "an IANA time zone, such as Europe/Berlin",
            got: JSON.stringify(timezone),
          },
        ]),
    ...(from === to
      ? [{ field: "business_hours.to", expected: "another time than from", got: String(hours.to) }]
      : []),
  ];
}
