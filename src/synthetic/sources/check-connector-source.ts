import { validateHeaderName, validateHeaderValue } from "node:http";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import { isConnectionHeader } from "../../runtime/outgoing/index.ts";
import { fieldRules } from "../records/record-options.ts";
import { type ConnectorSource, readAuth, readPagination } from "./connector-source.ts";
import { fillUrl, paramNames, secretNames } from "./placeholders.ts";

/** Throws `unprocessable` for a source whose fields are valid on their own but contradict each other. */
export function checkConnectorSource(source: ConnectorSource): void {
  const details = flawsOf(source).map((detail) => ({ ...detail, field: `source.${detail.field}` }));
  if (details.length === 0) return;
  const sentences = details.map(
    ({ field, expected, got }) => `${field}: expected ${expected}${got === undefined ? "" : `, got ${got}`}`,
  );
  throw new HeadraceError("unprocessable", `The source is invalid. ${sentences.join("; ")}`, {
    details,
  });
}

/** Returns the params that a tenant's source must provide. */
export function neededParams({ request, auth }: ConnectorSource): string[] {
  const { url = "", headers = {}, query = {} } = request ?? {};
  const texts = [url, ...Object.values(headers), ...Object.values(query)];
  if (auth?.type === "oauth2") texts.push(auth.token_url);
  return [...new Set(texts.flatMap(paramNames))];
}

function flawsOf(source: ConnectorSource): ErrorDetail[] {
  const { request, handler } = source;
  const kind = handler === undefined ? flawsOfHttp(source, request) : flawsOfCode(source, HTTP_FIELDS);
  return [...kind, ...flawsOfFields(source), ...flawsOfDefaults(source)];
}

/** Lists defaults of params that nothing takes: their names are misspelled. Code may take any. */
function flawsOfDefaults(source: ConnectorSource): ErrorDetail[] {
  if (source.handler !== undefined) return [];
  const needed = neededParams(source);
  return Object.keys(source.params ?? {})
    .filter((name) => !needed.includes(name))
    .map((name) => ({
      field: `params.${name}`,
      expected: `the name of a param of the request: ${needed.join(", ") || "there is none"}`,
      got: "one that nothing takes",
    }));
}

const HTTP_FIELDS = ["request", "auth", "pagination", "records", "total", "columns", "empty"] as const;

function flawsOfCode(source: ConnectorSource, fields: readonly (keyof ConnectorSource)[]): ErrorDetail[] {
  return fields
    .filter((field) => source[field] !== undefined)
    .map((field) => ({ field, expected: "nothing, because the handler does this itself" }));
}

function flawsOfHttp(source: ConnectorSource, request: ConnectorSource["request"]): ErrorDetail[] {
  if (request === undefined) {
    return [{ field: "request", expected: "a request, or a handler", got: "nothing" }];
  }
  const auth = readAuth(source.auth);
  const tokenUrl = auth?.type === "oauth2" ? flawsOfUrl("auth.token_url", auth.token_url, source) : [];
  const keyName =
    auth?.type === "api_key" && auth.in === "header" ? flawsOfHeader("auth.name", auth.name) : [];
  const pagination = readPagination(source.pagination);
  const sized =
    pagination.type === "page" && pagination.size_param !== undefined && pagination.size === undefined
      ? [{ field: "pagination.size", expected: "an integer, because size_param is given", got: "nothing" }]
      : [];
  return [
    ...flawsOfUrl("request.url", request.url, source),
    ...tokenUrl,
    ...keyName,
    ...sized,
    ...flawsOfColumns(source),
    ...flawsOfEmpty(source),
    ...flawsOfHeaders(request.headers ?? {}, auth),
    ...flawsOfQuery(request.query ?? {}, source),
  ];
}

/** Only the first page has the row with the names. */
function flawsOfColumns({ columns, pagination }: ConnectorSource): ErrorDetail[] {
  if (columns === undefined || readPagination(pagination).type === "none") return [];
  return [
    { field: "columns", expected: "no pagination beside it: other pages have no first row", got: columns },
  ];
}

/** A page that is itself the list cannot lack it. */
function flawsOfEmpty({ records = "", empty = [] }: ConnectorSource): ErrorDetail[] {
  if (records !== "" || !empty.includes("missing")) return [];
  return [
    { field: "empty", expected: "no missing, because without records the page is the list", got: "missing" },
  ];
}

function flawsOfUrl(field: string, template: string, source: ConnectorSource): ErrorDetail[] {
  if (field !== "request.url" && secretNames(template).length > 0) {
    return [
      { field, expected: "no secret: secrets are allowed only in the URL, query and headers of the request" },
    ];
  }
  // A leading param is a whole URL, any other is a name.
  const sampleOf = (name: string) => (template.startsWith(`{${name}}`) ? "https://sample.example" : "sample");
  const names = paramNames(template);
  const params = Object.fromEntries(names.map((name) => [name, sampleOf(name)]));
  const sample = fillUrl(template, { ...params, ...source.params }, () => "sample");
  if (sample.kind === "flawed" && Object.hasOwn(source.params ?? {}, sample.param)) {
    return [{ field: `params.${sample.param}`, expected: sample.expected, got: "another string" }];
  }
  return sample.kind === "url" && isPlainUrl(sample.url)
    ? []
    : [{ field, expected: URL_EXPECTED, got: "something else" }];
}

const URL_EXPECTED =
  "an absolute http or https URL without user and fragment, which may begin with a param that is one";

function isPlainUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + hash === "";
}

function flawsOfHeaders(
  headers: Readonly<Record<string, string>>,
  auth: ReturnType<typeof readAuth>,
): ErrorDetail[] {
  const ofAuth =
    auth?.type === "api_key" ? (auth.in === "header" ? auth.name : undefined) : auth && "authorization";
  return Object.entries(headers).flatMap(([name, value]) => {
    const field = `request.headers.${name}`;
    if (name.toLowerCase() === ofAuth?.toLowerCase()) return [{ field, expected: "nothing: auth sets it" }];
    try {
      validateHeaderValue("x", value);
    } catch {
      return [{ field, expected: "characters that a header can hold" }];
    }
    return flawsOfHeader(field, name);
  });
}

/** Headers that Headrace sets for its own requests. */
const OWN_HEADERS = new Set(["accept-encoding", "if-none-match", "if-modified-since", "range"]);

function flawsOfHeader(field: string, name: string): ErrorDetail[] {
  try {
    validateHeaderName(name);
  } catch {
    return [{ field, expected: "the name of a header" }];
  }
  const ours = OWN_HEADERS.has(name.toLowerCase()) || isConnectionHeader(name.toLowerCase());
  return ours ? [{ field, expected: "nothing: Headrace sets it" }] : [];
}

function flawsOfQuery(query: Readonly<Record<string, string>>, source: ConnectorSource): ErrorDetail[] {
  const pagination = readPagination(source.pagination);
  const auth = readAuth(source.auth);
  const taken = new Set([
    ...(pagination.type === "page" ? [pagination.param, pagination.size_param] : []),
    ...(pagination.type === "offset" ? [pagination.param, pagination.limit_param] : []),
    ...(pagination.type === "cursor" ? [pagination.param] : []),
    ...(auth?.type === "api_key" && auth.in === "query" ? [auth.name] : []),
  ]);
  return Object.keys(query)
    .filter((name) => taken.has(name))
    .map((name) => ({ field: `request.query.${name}`, expected: "nothing: pagination or auth sets it" }));
}

function flawsOfFields({ ignore = [], sets = [], keyed = {} }: ConnectorSource): ErrorDetail[] {
  try {
    fieldRules({ id: "id", ignore, sets, keyed });
    return [];
  } catch (error) {
    if (error instanceof HeadraceError && error.details !== undefined) return [...error.details];
    throw error;
  }
}
