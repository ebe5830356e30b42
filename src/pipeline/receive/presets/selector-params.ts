import type { SchemeInput, Selector } from "../schemes/scheme.ts";
import type { PresetParam } from "./preset.ts";

/** The name of an HTTP header. */
export const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const PATH = /^(?=.{1,200}$)(?:(?:\/(?:[^/~]|~[01])*)+|[^/].*)$/;

/** Params that locate the delivery id and the event type for a sender without a preset of its own. */
export const SELECTOR_PARAMS: Record<string, PresetParam> = {
  id_header: { description: "The header of the delivery id, which is not signed", pattern: HEADER },
  id_path: { description: "The path of the delivery id in the body: a.b or /a/b", pattern: PATH },
  type_header: { description: "The header of the event type, which is not signed", pattern: HEADER },
  type_path: {
    description: "The path of the event type in the body: a.b or /a/b; default /type if neither is set",
    pattern: PATH,
  },
};

/** Builds the delivery id and type of a scheme from the `SELECTOR_PARAMS`. */
export function selectorsFromParams(
  params: Readonly<Record<string, string>>,
): Pick<SchemeInput, "delivery_id" | "type"> {
  const id = selectorsOf(params["id_path"], params["id_header"]);
  const type = selectorsOf(params["type_path"], params["type_header"]);
  return {
    ...(id.length > 0 && { delivery_id: id }),
    // Events without a type get a fixed one, so that flows can select them.
    type: { from: [...(type.length > 0 ? type : [{ body: "/type" }]), { literal: "webhook" }] },
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
