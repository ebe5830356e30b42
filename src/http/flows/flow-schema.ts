import { type Static, Type } from "typebox";
import { isIndexed } from "../../domain/condition/is-indexed.ts";
import { printCondition } from "../../domain/condition/print.ts";
import { DEFAULT_RETRY, type FlowDefinition } from "../../domain/flow/flow.ts";
import { DEFAULT_SCHEDULE, nextTicks } from "../../domain/flow/schedule.ts";
import type { StoredFlow } from "../../postgres/flows/flows.ts";
import { closed, DisplayName, Id, Instant, line, nullable, Priority } from "../field-schemas.ts";

/** Longest delay between two attempts, ms. */
const MAX_DELAY_MS = 604_800_000;

/** Upcoming ticks that are shown with a flow. */
const SHOWN_TICKS = 5;

const trigger = {
  connector: Type.Optional(Id),
  event_types: Type.Optional(
    Type.Array(
      Type.String({
        pattern: "^[^*\\u0000-\\u001f\\u007f]{0,200}\\*?$",
        minLength: 1,
        description: "an event type, or a prefix of event types followed by *",
      }),
      { minItems: 1, maxItems: 100, description: "1 to 100 event types" },
    ),
  ),
  priority: Type.Optional(Priority),
  schedule: Type.Optional(
    Type.Object(
      {
        cron: line(200),
        timezone: Type.Optional(
          Type.String({
            maxLength: 64,
            default: DEFAULT_SCHEDULE.timezone,
            description: "an IANA time zone, such as Europe/Berlin",
          }),
        ),
        data: Type.Optional(Type.Unknown({ description: "The data of every tick event; {} if left out." })),
        missed: Type.Optional(Type.Enum(["skip", "once"], { default: DEFAULT_SCHEDULE.missed })),
      },
      { ...closed, description: "an object: { cron, timezone?, data?, missed? }" },
    ),
  ),
};

const Action = Type.Union(
  [
    Type.Object(
      {
        type: Type.Literal("http"),
        url: Type.String({ minLength: 1, maxLength: 2048, description: "an absolute http or https URL" }),
        method: Type.Optional(Type.Enum(["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"])),
        headers: Type.Optional(
          Type.Record(Type.String({ maxLength: 200 }), Type.String({ maxLength: 4096 }), {
            maxProperties: 50,
            description: "an object of at most 50 strings",
          }),
        ),
        body: Type.Optional(Type.String({ maxLength: 65_536 })),
        timeout_ms: Type.Optional(Type.Integer({ minimum: 100, maximum: 30_000 })),
      },
      closed,
    ),
    Type.Object({ type: Type.Literal("code"), handler: Id }, closed),
  ],
  { description: '{ type: "http", url, … } or { type: "code", handler }' },
);

const Retry = Type.Object(
  {
    max_attempts: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        default: DEFAULT_RETRY.max_attempts,
        description: "an integer from 1 to 100, the first attempt included",
      }),
    ),
    backoff: Type.Optional(Type.Enum(["exponential", "fixed"], { default: DEFAULT_RETRY.backoff })),
    delay_ms: Type.Optional(
      Type.Integer({ minimum: 10, maximum: MAX_DELAY_MS, default: DEFAULT_RETRY.delay_ms }),
    ),
    max_delay_ms: Type.Optional(
      Type.Integer({ minimum: 10, maximum: MAX_DELAY_MS, default: DEFAULT_RETRY.max_delay_ms }),
    ),
    fatal_statuses: Type.Optional(
      Type.Array(Type.Integer({ minimum: 300, maximum: 599, description: "a status from 300 to 599" }), {
        maxItems: 300,
        description:
          "statuses of the target that end a run at once, an array of integers from 300 to 599; by default 3xx and 4xx but 401, 404, 408, 425 and 429. 410 always does, and no other answer with Retry-After",
      }),
    ),
  },
  closed,
);

const EnabledFrom = Type.Union([Type.Literal("now"), Instant], {
  description: '"now", or an RFC 3339 time: a deploy includes the events since then',
});

const limits = {
  concurrency: Type.Optional(
    Type.Integer({
      minimum: 1,
      maximum: 1_000,
      description: "an integer from 1 to 1000: concurrent runs, over all workers",
    }),
  ),
  rate_limit: Type.Optional(
    Type.Object(
      {
        per_second: Type.Number({
          minimum: 0.001,
          maximum: 10_000,
          description: "a number from 0.001 to 10000: attempts that begin per second, over all workers",
        }),
      },
      { ...closed, description: "an object: { per_second }" },
    ),
  ),
  order_by: Type.Optional(
    Type.String({
      minLength: 1,
      maxLength: 1_000,
      description: "a path in the event, as in conditions: runs with an equal value go one after the other",
    }),
  ),
  on_order_failure: Type.Optional(
    Type.Enum(["block", "skip"], {
      description: "Whether a dead run blocks the runs after it; default block.",
    }),
  ),
};

const SigningSecret = Type.String({
  pattern: "^(?:whsec_)?[A-Za-z0-9+/]{32,88}={0,2}$",
  description: "whsec_ and the base64 of 24 to 64 bytes",
});

/** The body of a PUT of a flow. */
export const FlowInput = Type.Object(
  {
    name: Type.Optional(DisplayName),
    trigger: Type.Object(
      {
        ...trigger,
        where: Type.Optional(
          Type.Unknown({ description: "A condition on the event's data, as text or as its tree." }),
        ),
      },
      { ...closed, description: "an object: which events start the flow" },
    ),
    action: Action,
    retry: Type.Optional(Retry),
    ...limits,
    enabled_from: Type.Optional(EnabledFrom),
    signing_secret: Type.Optional(SigningSecret),
  },
  closed,
);

/** How long the old signing secret signs beside the new one, s. The services of Standard Webhooks use the same time. */
export const DEFAULT_SIGNING_OVERLAP_SECONDS = 86_400;

/** The body of a rotation of the signing secret. */
export const RotateSigningInput = Type.Object(
  {
    signing_secret: Type.Optional(SigningSecret),
    overlap_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 2_592_000,
        default: DEFAULT_SIGNING_OVERLAP_SECONDS,
        description: "an integer from 0 to 2592000: how long the old secret also signs",
      }),
    ),
  },
  { ...closed, description: "an object: { signing_secret?, overlap_seconds? }" },
);

/** A flow in responses. */
export const Flow = Type.Object(
  {
    id: Id,
    tenant_id: Id,
    name: Type.Optional(DisplayName),
    trigger: Type.Object({
      ...trigger,
      where: Type.Optional(Type.Unknown({ description: "The condition as its tree." })),
    }),
    where_text: Type.Optional(Type.String({ description: "The condition as text." })),
    action: Action,
    retry: Retry,
    ...limits,
    enabled_from: Type.Optional(EnabledFrom),
    unindexed: Type.Optional(
      Type.Literal(true, {
        description: "The condition may match absent values, so it is evaluated for every event of its type.",
      }),
    ),
    version: Type.Integer({ description: "The newest version; each PUT that changes the flow creates one." }),
    deployed: Type.Boolean(),
    deployed_version: nullable(Type.Integer({ description: "The version that events start." })),
    next_ticks: Type.Optional(
      Type.Array(Instant, {
        description: "The upcoming ticks of a deployed flow with a schedule.",
      }),
    ),
    signing_secret: Type.Optional(
      Type.String({ description: "Only in the response to the call that set it." }),
    ),
    old_secret_until: Type.Optional(
      Type.String({
        format: "date-time",
        description: "Only in the response to a rotation: until when the old secret also signs.",
      }),
    ),
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "Flow" },
);

/** The path parameters of a flow. */
export const FlowParams = Type.Object({ tenant_id: Id, flow: Id });

/** Converts a stored flow to its API form, with the signing secret if this call set it. */
export function asFlow(flow: StoredFlow, signingSecret?: string): Static<typeof Flow> {
  const { name, trigger, action, retry, enabled_from, ...limits } = flow.definition;
  const { deployedSchedule: schedule, readAt } = flow;
  const ticks = schedule === undefined ? [] : nextTicks(schedule, readAt.getTime(), SHOWN_TICKS);
  return {
    id: flow.id,
    tenant_id: flow.tenantId,
    ...(name !== undefined && { name }),
    trigger,
    ...(trigger.where !== undefined && { where_text: printCondition(trigger.where) }),
    action: action as Static<typeof Action>,
    retry,
    ...limits,
    ...(enabled_from !== undefined && { enabled_from }),
    ...(!isIndexed(trigger.where) && { unindexed: true as const }),
    version: flow.version,
    deployed: flow.deployedVersion !== undefined,
    deployed_version: flow.deployedVersion ?? null,
    ...((trigger.schedule ?? schedule) !== undefined && {
      next_ticks: ticks.map((tick) => new Date(tick).toISOString()),
    }),
    ...(signingSecret !== undefined && { signing_secret: signingSecret }),
    created_at: flow.createdAt.toISOString(),
    updated_at: flow.updatedAt.toISOString(),
  };
}

/** Returns the definition to be stored, with all defaults filled in. */
export function asDefinition(
  input: Static<typeof FlowInput>,
  where: FlowDefinition["trigger"]["where"],
): FlowDefinition {
  const { name, action, retry, enabled_from, signing_secret: _secret, trigger: _trigger, ...limits } = input;
  const { where: written, schedule, ...trigger } = input.trigger;
  return {
    ...(name !== undefined && { name }),
    trigger: {
      ...trigger,
      ...(where !== undefined && { where }),
      ...(schedule !== undefined && { schedule: { ...DEFAULT_SCHEDULE, ...schedule } }),
    },
    action,
    retry: { ...DEFAULT_RETRY, ...retry },
    ...limits,
    ...(enabled_from !== undefined && { enabled_from }),
  };
}
