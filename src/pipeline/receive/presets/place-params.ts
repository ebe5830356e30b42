import type { Place, SchemeInput } from "../schemes/scheme.ts";
import type { PresetParam } from "./preset.ts";

/** The name of an HTTP header. */
export const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const PATH = /^(?=.{1,200}$)(?:(?:\/(?:[^/~]|~[01])*)+|[^/].*)$/;

/** The params by which a sender that Headrace does not know says where its ids and types stand. */
export const PLACE_PARAMS: Record<string, PresetParam> = {
  id_header: { description: "The header of the delivery id, which is not signed", pattern: HEADER },
  id_path: { description: "Where the delivery id stands in the body: a.b or /a/b", pattern: PATH },
  type_header: { description: "The header of the event type, which is not signed", pattern: HEADER },
  type_path: {
    description: "Where the event type stands in the body: a.b or /a/b; /type where neither is set",
    pattern: PATH,
  },
};

/** The delivery id and the type of a scheme, as the params place them. */
export function placesByParams(
  params: Readonly<Record<string, string>>,
): Pick<SchemeInput, "delivery_id" | "type"> {
  const id = placesOf(params["id_path"], params["id_header"]);
  const type = placesOf(params["type_path"], params["type_header"]);
  return {
    ...(id.length > 0 && { delivery_id: id }),
    // A sender that names no type still makes events that flows can ask for.
    type: { from: [...(type.length > 0 ? type : [{ body: "/type" }]), { literal: "webhook" }] },
  };
}

/** The body is asked first: the signature covers it, and no header. */
function placesOf(path: string | undefined, header: string | undefined): Place[] {
  return [
    ...(path === undefined ? [] : [{ body: asPointer(path) }]),
    ...(header === undefined ? [] : [{ header }]),
  ];
}

/** A path is a JSON pointer, or keys with dots between them; `\.` is a dot within a key. */
function asPointer(path: string): string {
  if (path.startsWith("/")) return path;
  const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
  return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
