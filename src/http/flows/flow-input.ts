import type { Static } from "typebox";
import { readCondition, readPath } from "../../domain/condition/read.ts";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import type { FlowAction, FlowDefinition } from "../../domain/flow/flow.ts";
import { checkSchedule, type Schedule } from "../../domain/flow/schedule.ts";
import { writeJson } from "../../domain/json/exact-number.ts";
import { readActionTemplates } from "../../domain/template/action.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";
import { checkUrl } from "../connectors/check-url.ts";
import { asDefinition, type FlowInput } from "./flow-schema.ts";

/** The fields of a flow whose numbers keep their digits. */
export const EXACT_FLOW_FIELDS = ["trigger.where", "trigger.schedule.data"] as const;

/** Returns the headers that an action may not set, with reasons. The implementation is injected. */
export type CheckActionHeaders = (headers: Readonly<Record<string, string>>) => ErrorDetail[];

/** Rules for the requests that flows send. */
export interface ActionRules {
  checkActionHeaders: CheckActionHeaders;
  refusedTarget: TargetRules;
}

/**
 * Returns the definition of a flow with its condition parsed. Throws `invalid_condition` or `unprocessable` with the
 * field.
 */
export function readDefinition(input: Static<typeof FlowInput>, rules: ActionRules): FlowDefinition {
  const { trigger, order_by, on_order_failure } = input;
  if (order_by !== undefined) refuseBadOrder(order_by);
  else if (on_order_failure !== undefined) {
    throw new HeadraceError("unprocessable", "on_order_failure has no effect without order_by", {
      details: [{ field: "on_order_failure", expected: "order_by beside it", got: "none" }],
    });
  }
  const definition = asDefinition(
    input,
    trigger.where === undefined ? undefined : readCondition(trigger.where),
  );
  if (definition.action.type === "http") refuseBadAction(definition.action, rules);
  if (definition.trigger.schedule !== undefined) refuseBadSchedule(definition.trigger.schedule);
  return definition;
}

function refuseBadAction(
  action: Extract<FlowAction, { type: "http" }>,
  { checkActionHeaders, refusedTarget }: ActionRules,
): void {
  const read = readActionTemplates(action);
  if (read.kind === "read") {
    checkUrl(
      "action.url",
      read.templates.url.map((part) => (typeof part === "string" ? part : "value")).join(""),
      refusedTarget,
    );
  }
  const flaws = read.kind === "flawed" ? read.details : [];
  const details = [...flaws, ...checkActionHeaders(action.headers ?? {})];
  if (details.length === 0) return;
  const sentences = details.map(
    ({ field, message, expected }) => `${field} ${message ?? `must be ${expected}`}`,
  );
  throw new HeadraceError("unprocessable", `The action is not valid: ${sentences.join("; ")}`, {
    details,
  });
}

function refuseBadOrder(path: string): void {
  try {
    readPath(path, "order_by");
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    const { message, details = [] } = error;
    throw new HeadraceError("unprocessable", message, { details });
  }
}

/** Largest data of a tick event as JSON, bytes. */
const MAX_TICK_DATA_BYTES = 65_536;

function refuseBadSchedule(schedule: Schedule): void {
  const bytes = Buffer.byteLength(writeJson(schedule.data ?? {}));
  const [flaw] =
    bytes <= MAX_TICK_DATA_BYTES
      ? checkSchedule(schedule)
      : [{ field: "data", expected: `at most ${MAX_TICK_DATA_BYTES} bytes of JSON`, got: `${bytes} bytes` }];
  if (flaw === undefined) return;
  const { expected, got, message } = flaw;
  const field = `trigger.schedule.${flaw.field}`;
  const sentence = `${field} is ${got}, expected ${expected}${message === undefined ? "" : `: ${message}`}`;
  throw new HeadraceError("unprocessable", sentence, { details: [{ ...flaw, field }] });
}
