import { type Static, Type } from "typebox";
import { ARRIVAL_DAYS, type DeadLetterForecast as Forecast } from "../../dead-letters/forecast.ts";
import { nullable } from "../field-schemas.ts";

const kept = { entries: Type.Integer(), bytes: Type.Integer({ description: "Of payload." }) };

/** The number of stored dead letters with their payload, now and in the future. */
export const DeadLetterForecast = Type.Object(
  {
    retention_days: nullable(Type.Integer({ description: "Of the policy; null for all tenants together." })),
    now: Type.Object(kept),
    per_day: Type.Object(kept, {
      description: `Arrivals per day, averaged over the last ${ARRIVAL_DAYS} days.`,
    }),
    at_horizon: Type.Object(kept, {
      description: "Stored after retention_days from now at the current rate of arrivals.",
    }),
    expiring: Type.Array(Type.Object({ date: Type.String({ description: "UTC" }), ...kept }), {
      description: "Expirations on each of the next 30 days, today first.",
    }),
  },
  { $id: "DeadLetterForecast" },
);

/** Converts a forecast to its API form. */
export function asForecast(
  forecast: Forecast,
  retentionDays: number | undefined,
  nowMs: number,
): Static<typeof DeadLetterForecast> {
  return {
    retention_days: retentionDays ?? null,
    now: forecast.now,
    per_day: forecast.perDay,
    at_horizon: forecast.atHorizon,
    expiring: forecast.expiring.map(({ inDays, entries, bytes }) => ({
      date: new Date(nowMs + inDays * 86_400_000).toISOString().slice(0, 10),
      entries,
      bytes,
    })),
  };
}
