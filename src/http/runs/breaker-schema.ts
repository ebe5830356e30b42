import { type Static, Type } from "typebox";
import { BREAKER_STATES, type StoredBreaker } from "../../postgres/runs/circuit-breakers.ts";
import { Id, Instant, nullable } from "../field-schemas.ts";

/** The circuit breaker of a target, as it is shown. */
export const Breaker = Type.Object(
  {
    tenant_id: Id,
    target: Type.String({ description: "Scheme, host and port." }),
    state: Type.Enum([...BREAKER_STATES], {
      description: "Open: runs for the target are held. Half open: one of them tries it.",
    }),
    failures: Type.Integer({ description: "In a row; 0 after an answer." }),
    held_runs: Type.Integer({ description: "Runs that it holds, counted up to 1000." }),
    last_error: nullable(Type.String()),
    failed_at: nullable(Instant),
    opened_at: nullable(Instant),
    probe_at: nullable(
      Type.String({ format: "date-time", description: "Open: when a run may try the target next." }),
    ),
    closed_at: nullable(Instant),
  },
  { $id: "Breaker" },
);

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
