import { type Static, Type } from "typebox";
import type { StoredBulk } from "../../postgres/dead-letters/bulk-replay.ts";
import { closed, Id, Instant, line, nullable, Uuid } from "../field-schemas.ts";

/** Which pending dead letters are replayed. */
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
    description: "{ flow?, connector?, stage?, fingerprint?, since?, until? }; {} is all of them",
  },
);

export const DEFAULT_RATE = 50;

/** What a POST of one takes. */
export const BulkReplayInput = Type.Object(
  {
    filter: Filter,
    rate_per_second: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 1_000, default: DEFAULT_RATE, description: "1 to 1000" }),
    ),
    dry_run: Type.Optional(Type.Boolean({ description: "Say how many there are, and replay nothing." })),
  },
  { ...closed, description: "{ filter, rate_per_second?, dry_run? }" },
);

/** A replay of many dead letters, as it is shown. */
export const BulkReplay = Type.Object(
  {
    replay_id: Uuid,
    tenant_id: Id,
    filter: Filter,
    rate_per_second: Type.Integer(),
    state: Type.Enum(["canary", "running", "stopped", "aborted", "done"], {
      description:
        "Canary: a few go first. Aborted: too many failed, see reason. What began ends by itself in every state.",
    }),
    reason: nullable(Type.String()),
    count: Type.Integer({ description: "How many the filter found when it began." }),
    started: Type.Integer(),
    succeeded: Type.Integer(),
    failed: Type.Integer({ description: "Those cancelled, and those that came to no run, among them." }),
    in_flight: Type.Integer(),
    created_at: Instant,
    finished_at: nullable(Instant),
  },
  { $id: "BulkReplay" },
);

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
