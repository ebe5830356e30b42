import { type Static, Type } from "typebox";
import type { StoredBulk } from "../../postgres/dead-letters/bulk-replay.ts";
import { closed, Id, Instant, line, nullable, Uuid } from "../field-schemas.ts";

/** Selects pending dead letters to be replayed. */
const Filter = Type.Object(
  {
    flow: Type.Optional(Id),
    connector: Type.Optional(Id),
    stage: Type.Optional(Type.Enum(["normalize", "route", "execute"])),
    fingerprint: Type.Optional(line(64)),
    since: Type.Optional(Instant),
    until: Type.Optional(Instant),
  },
  {
    ...closed,
    description: "{ flow?, connector?, stage?, fingerprint?, since?, until? }; {} selects all",
  },
);

/** Default rate of a bulk replay, dead letters per second. */
export const DEFAULT_RATE = 50;

/** The body of a POST of a bulk replay. */
export const BulkReplayInput = Type.Object(
  {
    filter: Filter,
    rate_per_second: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULT_RATE, description: "1 to 1000" }),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: "Count the dead letters and replay nothing." })),
  },
  { ...closed, description: "{ filter, rate_per_second?, dry_run? }" },
);

/** A bulk replay in responses. */
export const BulkReplay = Type.Object(
  {
    replay_id: Uuid,
    tenant_id: Id,
    filter: Filter,
    rate_per_second: Type.Integer(),
    state: Type.Enum(["canary", "running", "stopped", "aborted", "done"], {
      description:
        "canary: a few are replayed first. aborted: too many failed, see reason. Started replays finish in every state.",
    }),
    reason: nullable(Type.String()),
    count: Type.Integer({ description: "The number of selected dead letters at the start." }),
    started: Type.Integer(),
    succeeded: Type.Integer(),
    failed: Type.Integer({ description: "Includes cancelled replays and those that made no run." }),
    in_flight: Type.Integer(),
    created_at: Instant,
    finished_at: nullable(Instant),
  },
  { $id: "BulkReplay" },
);

/** Converts a stored bulk replay to its API form. */
export function asBulkReplay(bulk: StoredBulk): Static<typeof BulkReplay> {
  return {
    replay_id: bulk.id,
    tenant_id: bulk.tenantId,
    filter: bulk.filter,
    rate_per_second: bulk.ratePerSecond,
    state: bulk.state,
    reason: bulk.reason ?? null,
    count: bulk.count,
    started: bulk.started,
    succeeded: bulk.succeeded,
    failed: bulk.failed,
    in_flight: bulk.started - bulk.succeeded - bulk.failed,
    created_at: bulk.createdAt.toISOString(),
    finished_at: bulk.finishedAt?.toISOString() ?? null,
  };
}
