import { type Static, Type } from "typebox";
import {
  DEFAULT_SOURCE,
  defaultIntervalLimits,
  MAX_INTERVAL_SECONDS,
  type SourceDefinition,
} from "../../domain/source.ts";
import type { StoredSource } from "../../postgres/sources/sources.ts";
import { closed, Id, Instant, nullable, reference } from "../field-schemas.ts";
import { SourceParamValues } from "./connector-source-schema.ts";
import { Poll } from "./poll-schema.ts";

const seconds = (description: string) =>
  Type.Integer({
    minimum: 1,
    maximum: MAX_INTERVAL_SECONDS,
    description: `an integer from 1 to ${MAX_INTERVAL_SECONDS}: ${description}`,
  });

const Time = Type.Union(
  [
    Type.Integer({ minimum: 0, maximum: 24 }),
    Type.String({ pattern: "^(?:(?:[01]\\d|2[0-3]):[0-5]\\d|24:00)$" }),
  ],
  { description: 'an hour from 0 to 24, or a time such as "08:30"' },
);

const BusinessHours = Type.Object(
  {
    timezone: Type.String({ maxLength: 64, description: "an IANA time zone, such as Europe/Berlin" }),
    days: Type.Array(
      Type.Union(
        [
          Type.Integer({ minimum: 1, maximum: 7 }),
          Type.Enum(["mon", "tue", "wed", "thu", "fri", "sat", "sun"]),
        ],
        { description: "1 (Monday) to 7, or mon to sun" },
      ),
      { minItems: 1, maxItems: 7, description: "1 to 7 days" },
    ),
    from: Time,
    to: Time,
  },
  { ...closed, description: "an object: { timezone, days, from, to }" },
);

const Deletions = Type.Object(
  {
    enabled: Type.Optional(Type.Boolean({ default: DEFAULT_SOURCE.deletions.enabled })),
    confirm_polls: Type.Optional(
      Type.Integer({
        minimum: 1,
        maximum: 100,
        default: DEFAULT_SOURCE.deletions.confirm_polls,
        description:
          "an integer from 1 to 100: consecutive complete polls without a record before its deletion",
      }),
    ),
    max_fraction: Type.Optional(
      Type.Number({
        minimum: 0,
        maximum: 1,
        default: DEFAULT_SOURCE.deletions.max_fraction,
        description: "a number from 0 to 1: deletions are held if they exceed both this and max_count",
      }),
    ),
    max_count: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: 1_000_000_000,
        default: DEFAULT_SOURCE.deletions.max_count,
        description: "an integer from 0 on: deletions are held if they exceed both this and max_fraction",
      }),
    ),
    grace_seconds: Type.Optional(
      Type.Integer({
        minimum: 0,
        maximum: MAX_INTERVAL_SECONDS,
        default: DEFAULT_SOURCE.deletions.grace_seconds,
        description: "an integer from 0 on: how long a record must be missing before it is deleted",
      }),
    ),
  },
  {
    ...closed,
    description: "an object: { enabled?, confirm_polls?, max_fraction?, max_count?, grace_seconds? }",
  },
);

const settings = {
  connector: Id,
  entity: Id,
  params: Type.Optional(SourceParamValues),
  base_interval_seconds: Type.Optional(seconds("the initial interval between two polls")),
  min_interval_seconds: Type.Optional(seconds("at most the base interval")),
  max_interval_seconds: Type.Optional(seconds("at least the base interval")),
  business_hours: Type.Optional(BusinessHours),
  baseline: Type.Optional(Type.Enum(["silent", "emit"], { default: DEFAULT_SOURCE.baseline })),
  diff: Type.Optional(Type.Enum(["none", "fields", "values"], { default: DEFAULT_SOURCE.diff })),
  deletions: Type.Optional(Deletions),
  enabled: Type.Optional(Type.Boolean({ default: true })),
};

/** The body of a PUT of a source. Its credentials replace all existing ones; without any the existing ones stay. */
export const SourceInput = Type.Object(
  {
    ...settings,
    credentials: Type.Optional(
      Type.Record(
        Type.String({ minLength: 1, maxLength: 100 }),
        Type.String({ minLength: 0, maxLength: 8192, description: "a string of at most 8192 characters" }),
        {
          maxProperties: 32,
          description: "an object of at most 32 strings; left out, the stored ones stay, and {} clears them",
        },
      ),
    ),
  },
  closed,
);

/** The state of a source after its polls. */
export const SourceState = Type.Object({
  state: Type.Optional(
    Type.Enum(["waiting", "polling", "ok", "degraded", "held", "rate_limited", "error", "disabled"], {
      description: "The result of the last poll; waiting before the first one.",
    }),
  ),
  last_polls: Type.Optional(Type.Array(reference(Poll), { description: "Newest first." })),
  interval: Type.Optional(
    nullable(
      Type.Object({
        seconds: Type.Number(),
        reasons: Type.Array(Type.String(), { description: "The reasons for this length, in words." }),
      }),
    ),
  ),
  next_poll_at: Type.Optional(nullable(Instant)),
  overdue: Type.Optional(Type.Boolean()),
  failures: Type.Optional(Type.Integer({ description: "Consecutive failed polls." })),
  last_error: Type.Optional(nullable(Type.Object({ code: Type.String(), message: Type.String() }))),
  held_until: Type.Optional(nullable(Instant)),
  quota: Type.Optional(
    nullable(
      Type.Object(
        { limit: Type.Integer(), remaining: Type.Integer(), resets_at: Instant },
        { description: "The provider's last statement of its rate limit." },
      ),
    ),
  ),
  held: Type.Optional(
    nullable(
      Type.Object({
        id: Type.String(),
        count: Type.Integer({ description: "Deletions that wait for a decision." }),
        reason: Type.String(),
        held_at: Instant,
      }),
    ),
  ),
  records_tracked: Type.Optional(nullable(Type.Integer())),
});

/** Reads the states of some sources of a tenant by id. Missing sources are left out. */
export type ReadSourceStates = (
  tenantId: string,
  sources: readonly string[],
) => Promise<ReadonlyMap<string, Static<typeof SourceState>>>;

/** A source in responses. */
export const Source = Type.Object(
  {
    id: Id,
    tenant_id: Id,
    ...settings,
    has_credentials: Type.Boolean({
      description: "Whether credentials are stored; they are never returned.",
    }),
    ...SourceState.properties,
    created_at: Instant,
    updated_at: Instant,
  },
  { $id: "Source" },
);

/** The path parameters of a source. */
export const SourceParams = Type.Object({ tenant_id: Id, source: Id });

/** Returns the definition to be stored, with all defaults filled in. */
export function asDefinition(input: Static<typeof SourceInput>): SourceDefinition {
  const { base_interval_seconds: base = DEFAULT_SOURCE.base_interval_seconds } = input;
  const bounds = defaultIntervalLimits(base);
  return {
    params: input.params ?? {},
    base_interval_seconds: base,
    min_interval_seconds: input.min_interval_seconds ?? bounds.min,
    max_interval_seconds: input.max_interval_seconds ?? bounds.max,
    ...(input.business_hours !== undefined && { business_hours: input.business_hours }),
    baseline: input.baseline ?? DEFAULT_SOURCE.baseline,
    diff: input.diff ?? DEFAULT_SOURCE.diff,
    deletions: { ...DEFAULT_SOURCE.deletions, ...input.deletions },
  };
}

/** Converts a stored source and its state to their API form. */
export function asSource(
  source: StoredSource,
  state: Static<typeof SourceState> | undefined,
): Static<typeof Source> {
  const { business_hours: hours, ...definition } = source.definition;
  return {
    id: source.source,
    tenant_id: source.tenantId,
    connector: source.connector,
    entity: source.entity,
    ...definition,
    ...(hours !== undefined && { business_hours: hours as Static<typeof BusinessHours> }),
    enabled: source.enabled,
    has_credentials: source.hasCredentials,
    ...state,
    ...(!source.enabled && { state: "disabled" as const, next_poll_at: null, overdue: false }),
    created_at: source.createdAt.toISOString(),
    updated_at: source.updatedAt.toISOString(),
  };
}
