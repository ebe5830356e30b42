import { type Static, Type } from "typebox";
import type { StoredHold } from "../../postgres/sources/holds.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** Held deletions in responses. */
export const Hold = Type.Object(
  {
    id: Uuid,
    state: Type.Enum(["pending", "approved", "rejected", "lapsed", "applied"], {
      description: "lapsed: fewer records are missing; applied: an approval was used.",
    }),
    count: Type.Integer({ description: "The number of missing records; an approval allows no more." }),
    ceiling: Type.Integer({ description: "The number of deletions that need no decision." }),
    records_tracked: Type.Integer(),
    sample: Type.Array(Type.String(), { description: "The subjects of some of the records." }),
    created_at: Instant,
    decided_at: nullable(Instant),
  },
  { $id: "Hold" },
);

/** The path parameters of a hold. */
export const HoldParams = Type.Object({ tenant_id: Id, source: Id, hold_id: Uuid });

/** Converts a stored hold to its API form. */
export function asHold(hold: StoredHold): Static<typeof Hold> {
  const { id, state, count, ceiling, tracked, sample, createdAt, decidedAt } = hold;
  return {
    id,
    state,
    count,
    ceiling,
    records_tracked: tracked,
    sample,
    created_at: createdAt.toISOString(),
    decided_at: decidedAt?.toISOString() ?? null,
  };
}
