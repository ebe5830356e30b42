import type { SchemeInput, Selector, TimeUnit } from "../schemes/scheme.ts";
import type { PresetParam } from "./preset.ts";

/** The name of an HTTP header. */
export const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const PATH = /^(?=.{1,200}$)(?:(?:\/(?:[^/~]|~[01])*)+|[^/].*)$/;

/** Params that locate the thing that an event is about and its time. */
export const EVENT_PARAMS: Record<string, PresetParam> = {
  subject_header: { description: "The header that names the thing that the event is about", pattern: HEADER },
  subject_path: {
    description: "The path in the body of the thing that the event is about: a.b or /a/b",
    pattern: PATH,
  },
  occurred_at_header: { description: "The header of the event's time", pattern: HEADER },
  occurred_at_path: { description: "The path of the event's time in the body: a.b or /a/b", pattern: PATH },
  occurred_at_unit: {
    description: "Unit of the event's time",
    default: "rfc3339",
    oneOf: ["s", "ms", "rfc3339", "iso8601", "rfc2822"],
  },
};

/** Params that locate the delivery id, the type, the subject and the time of an event for a sender without a preset of its own. */
export const SELECTOR_PARAMS: Record<string, PresetParam> = {
  id_header: { description: "The header of the delivery id, which is not signed", pattern: HEADER },
  id_path: { description: "The path of the delivery id in the body: a.b or /a/b", pattern: PATH },
  type_header: { description: "The header of the event type, which is not signed", pattern: HEADER },
  type_path: {
    description: "The path of the event type in the body: a.b or /a/b; default /type if neither is set",
    pattern: PATH,
  },
  ...EVENT_PARAMS,
};

/** Builds the subject and the time of a scheme from the `EVENT_PARAMS`. The places in `own` apply if they name none. */
export function eventFromParams(
  params: Readonly<Record<string, string>>,
  own: { subject: Selector[]; occurred_at: Selector[] } = { subject: [], occurred_at: [] },
): Pick<SchemeInput, "subject" | "occurred_at"> {
  const subject = selectorsOf(params["subject_path"], params["subject_header"]);
  const from = selectorsOf(params["occurred_at_path"], params["occurred_at_header"]);
  const subjects = subject.length > 0 ? subject : own.subject;
  const times = from.length > 0 ? from : own.occurred_at;
  const unit = params["occurred_at_unit"] as TimeUnit;
  return {
    ...(subjects.length > 0 && { subject: subjects }),
    ...(times.length > 0 && { occurred_at: { from: times, unit } }),
  };
}

/** Builds the delivery id, the type, the subject and the time of a scheme from the `SELECTOR_PARAMS`. */
export function selectorsFromParams(
  params: Readonly<Record<string, string>>,
): Pick<SchemeInput, "delivery_id" | "type" | "subject" | "occurred_at"> {
  const id = selectorsOf(params["id_path"], params["id_header"]);
  const type = selectorsOf(params["type_path"], params["type_header"]);
  return {
    ...(id.length > 0 && { delivery_id: id }),
    // Events without a type get a fixed one, so that flows can select them.
    type: { from: [...(type.length > 0 ? type : [{ body: "/type" }]), { literal: "webhook" }] },
    ...eventFromParams(params),
  };
}

/** The body comes first because the signature covers it, but no header. */
function selectorsOf(path: string | undefined, header: string | undefined): Selector[] {
  return [
    ...(path === undefined ? [] : [{ body: asPointer(path) }]),
    ...(header === undefined ? [] : [{ header }]),
  ];
}

/** Converts a path to a JSON pointer. A path without a leading slash has keys separated by dots; `\.` escapes a dot. */
function asPointer(path: string): string {
  if (path.startsWith("/")) return path;
  const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
