import { type Static, Type } from "typebox";
import { BREAKER_STATES, type StoredBreaker } from "../../postgres/runs/circuit-breakers.ts";
import { Id, Instant, nullable } from "../field-schemas.ts";

/** The circuit breaker of a target in responses. */
export const Breaker = Type.Object(
  {
    tenant_id: Id,
    target: Type.String({ description: "Scheme, host and port." }),
    state: Type.Enum([...BREAKER_STATES], {
      description: "open: runs for the target are held. half_open: one run tries the target.",
    }),
    failures: Type.Integer({ description: "Consecutive failures; 0 after a success." }),
    held_runs: Type.Integer({ description: "Held runs, counted up to 1000." }),
    last_error: nullable(Type.String()),
    failed_at: nullable(Instant),
    opened_at: nullable(Instant),
    probe_at: nullable(
      Type.String({ format: "date-time", description: "open: when a run may try the target next." }),
    ),
    closed_at: nullable(Instant),
  },
  { $id: "Breaker" },
);

/** Converts a stored breaker to its API form. */
export function asBreaker(breaker: StoredBreaker): Static<typeof Breaker> {
  return {
    tenant_id: breaker.tenantId,
    target: breaker.target,
    state: breaker.state,
    failures: breaker.failures,
    held_runs: breaker.heldRuns,
    last_error: breaker.lastError ?? null,
    failed_at: breaker.failedAt?.toISOString() ?? null,
    opened_at: breaker.openedAt?.toISOString() ?? null,
    probe_at: breaker.probeAt?.toISOString() ?? null,
    closed_at: breaker.closedAt?.toISOString() ?? null,
  };
}
