import type { FlowAction } from "../../../domain/flow/flow.ts";
import { readActionTemplates } from "../../../domain/template/action.ts";

type HttpAction = Extract<FlowAction, { type: "http" }>;

/** Parsed templates. Definitions are cached for many runs and never change. */
const known = new WeakMap<HttpAction, ReturnType<typeof readActionTemplates>>();

/** Returns the parsed templates of an action. */
export function templatesOf(action: HttpAction): ReturnType<typeof readActionTemplates> {
  const read = known.get(action) ?? readActionTemplates(action);
  known.set(action, read);
  return read;
}

/** Returns the names of the tenant's secrets that an action uses. */
export function secretNamesOf(action: FlowAction): readonly string[] {
  const read = action.type === "http" ? templatesOf(action) : undefined;
  return read?.kind === "read" ? read.templates.secretNames : [];
}
