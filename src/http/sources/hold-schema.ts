import { type Static, Type } from "typebox";
import type { StoredHold } from "../../postgres/sources/holds.ts";
import { Id, Instant, nullable, Uuid } from "../field-schemas.ts";

/** Deletions that were held back, as they are shown. */
export const Hold = Type.Object(
  {
    id: Uuid,
    state: Type.Enum(["pending", "approved", "rejected", "lapsed", "applied"], {
      description: "lapsed: so many are no longer gone; applied: an approval was used.",
    }),
    count: Type.Integer({ description: "How many records are gone: an approval lets through no more." }),
    ceiling: Type.Integer({ description: "How many would be deleted without a decision." }),
    records_tracked: Type.Integer(),
    sample: Type.Array(Type.String(), { description: "Subjects of some of the records." }),
    created_at: Instant,
    decided_at: nullable(Instant),
  },
  { $id: "Hold" },
);

export const HoldParams = Type.Object({ tenant_id: Id, source: Id, hold_id: Uuid });

export function asHold(hold: StoredHold): Static<typeof Hold> {
  const { id, state, count, ceiling, tracked, sample, createdAt, decidedAt } = hold;
  return {
    ...{ id, state, count, ceiling, records_tracked: tracked, sample },
    created_at: createdAt.toISOString(),
    decided_at: decidedAt?.toISOString() ?? null,
  };
}
