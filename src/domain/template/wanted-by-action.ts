import type { FlowAction } from "../flow/flow.ts";
import { type Wanted, WantedPaths } from "../json/wanted.ts";
import { parseTemplate } from "./parse.ts";

/** Returns the part of an event's data that the templates of an HTTP action use. */
export function wantedByAction({
  url,
  headers = {},
  body = "",
}: Extract<FlowAction, { type: "http" }>): Wanted {
  const wanted = new WantedPaths();
  for (const text of [url, ...Object.values(headers), body]) {
    const parsed = parseTemplate(text);
    if (parsed.kind === "flawed") continue;
    for (const part of parsed.template) {
      if (typeof part === "string") continue;
      const [root, field, ...keys] = part.keys;
      if (root === "event" && field === "data") wanted.add(keys, true);
    }
  }
  return wanted;
}
