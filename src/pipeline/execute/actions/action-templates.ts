import type { FlowAction } from "../../../domain/flow/flow.ts";
import { readActionTemplates } from "../../../domain/template/action.ts";

type HttpAction = Extract<FlowAction, { type: "http" }>;

/** Definitions are kept for many runs, and never change: their templates are read once. */
const known = new WeakMap<HttpAction, ReturnType<typeof readActionTemplates>>();

/** The templates of an action. */
export function templatesOf(action: HttpAction): ReturnType<typeof readActionTemplates> {
  const read = known.get(action) ?? readActionTemplates(action);
  known.set(action, read);
  return read;
}

/** The tenant's secrets that an action takes. */
export function secretNamesOf(action: FlowAction): readonly string[] {
  const read = action.type === "http" ? templatesOf(action) : undefined;
  return read?.kind === "read" ? read.templates.secretNames : [];
}
