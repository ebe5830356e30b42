import type { ErrorDetail } from "../errors.ts";
import type { FlowAction } from "../flow/flow.ts";
import type { AttemptError } from "../flow/outcome.ts";
import { type BodyTemplate, bodyTemplateOf, flawOfBody } from "./body.ts";
import { type Placeholder, parseTemplate, secretNameOf, type Template } from "./parse.ts";
import { type JsonTexts, MAX_HEADER_LENGTH, renderBody, renderHeader, renderUrl } from "./render.ts";
import type { Scope } from "./scope.ts";

export type { JsonTexts };

type HttpAction = Extract<FlowAction, { type: "http" }>;

/** The parsed templates of an HTTP action. */
export interface ActionTemplates {
  url: Template;
  headers: readonly { name: string; template: Template }[];
  body: BodyTemplate | undefined;
  /** The tenant's secrets used in the URL and headers. */
  secretNames: readonly string[];
}

/** The parts of the request of one run that its templates define. */
export interface RenderedAction {
  url: string;
  headers: Record<string, string>;
  body: string | undefined;
}

/**
 * Parses the templates of an action, or returns the errors. A URL's scheme and host must be literal, so that no event can
 * redirect the request. Secrets are allowed in the URL and headers only.
 */
export function readActionTemplates(
  action: HttpAction,
): { kind: "read"; templates: ActionTemplates } | { kind: "flawed"; details: ErrorDetail[] } {
  const details: ErrorDetail[] = [];
  const read = (field: string, text: string, flawOf: (template: Template) => string | undefined) => {
    const parsed = parseTemplate(text);
    const message =
      parsed.kind === "flawed"
        ? `${parsed.message}, at character ${parsed.position + 1}`
        : flawOf(parsed.template);
    if (message !== undefined) details.push({ field, message });
    return parsed.kind === "parsed" ? parsed.template : [];
  };

  const url = read("action.url", action.url, flawOfUrl);
  const headers = Object.entries(action.headers ?? {}).map(([name, value]) => {
    const flawOf = isContentType(name) ? flawOfContentType : () => undefined;
    return { name, template: read(`action.headers.${name}`, value, flawOf) };
  });
  const contentType = Object.entries(action.headers ?? {}).find(([name]) => isContentType(name))?.[1];
  const asBody = (template: Template) => bodyTemplateOf(template, contentType ?? "application/json");
  const body =
    action.body === undefined
      ? undefined
      : asBody(
          read(
            "action.body",
            action.body,
            (template) => flawOfSecrets(template) ?? flawOfBody(asBody(template)),
          ),
        );
  if (details.length > 0) return { kind: "flawed", details };
  const withSecrets = [url, ...headers.map(({ template }) => template)];
  const names = withSecrets.flatMap((template) => placeholders(template).map(secretNameOf));
  const secretNames = [...new Set(names)].filter((name) => name !== undefined);
  return { kind: "read", templates: { url, headers, body, secretNames } };
}

/** Fills the templates. The first missing or unfit value is an error, which names the placeholder but not the value. */
export function renderAction(
  templates: ActionTemplates,
  scope: Scope,
  texts?: JsonTexts,
): { kind: "rendered"; action: RenderedAction } | { kind: "failed"; error: AttemptError } {
  const url = renderUrl(templates.url, scope, "action.url");
  if (url.kind === "failed") return url;
  const headers: Record<string, string> = {};
  let length = 0;
  for (const { name, template } of templates.headers) {
    const header = renderHeader(template, scope, `action.headers.${name}`);
    if (header.kind === "failed") return header;
    headers[name] = header.text;
    length += name.length + header.text.length;
  }
  if (length > MAX_HEADER_LENGTH) {
    const message = `action.headers would be longer than ${MAX_HEADER_LENGTH} characters in all`;
    return { kind: "failed", error: { code: "TEMPLATE_VALUE_UNFIT", message } };
  }
  const body = templates.body && renderBody(templates.body, scope, "action.body", texts);
  if (body?.kind === "failed") return body;
  return { kind: "rendered", action: { url: url.text, headers, body: body?.text } };
}

function placeholders(template: Template): Placeholder[] {
  return template.filter((part) => typeof part !== "string");
}

function flawOfUrl(template: Template): string | undefined {
  const [first] = template;
  if (placeholders(template).length === 0) return undefined;
  if (typeof first !== "string" || !AUTHORITY.test(first)) {
    return "takes a value before the path: scheme and host must be written out";
  }
  return undefined;
}

/** A scheme and a complete authority, which a later value cannot extend. */
const AUTHORITY = /^https?:\/\/[^\\/?#]+[/?#]/i;

function flawOfSecrets(template: Template): string | undefined {
  const secret = placeholders(template).find((placeholder) => secretNameOf(placeholder) !== undefined);
  return secret === undefined
    ? undefined
    : `takes {{${secret.path}}}: secrets may be used in the URL and headers only`;
}

/** The content type must be literal, since it decides how the body's values are encoded. */
function flawOfContentType(template: Template): string | undefined {
  return placeholders(template).length === 0
    ? undefined
    : "takes a value: the content type must be written out";
}

function isContentType(name: string): boolean {
  return name.toLowerCase() === "content-type";
}
