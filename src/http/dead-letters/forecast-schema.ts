import { type Static, Type } from "typebox";
import { ARRIVAL_DAYS, type DeadLetterForecast as Forecast } from "../../dead-letters/forecast.ts";
import { nullable } from "../field-schemas.ts";

const kept = { entries: Type.Integer(), bytes: Type.Integer({ description: "Of payload." }) };

/** How many dead letters are kept with their payload, and how many will be. */
export const DeadLetterForecast = Type.Object(
  {
    retention_days: nullable(
      Type.Integer({ description: "Of the policy; null for all tenants together, for each has its own." }),
    ),
    now: Type.Object(kept),
    per_day: Type.Object(kept, {
      description: `What arrives in a day, from the last ${ARRIVAL_DAYS} days.`,
    }),
    at_horizon: Type.Object(kept, {
      description: "What will be kept retention_days from now, if as much arrives as does now.",
    }),
    expiring: Type.Array(Type.Object({ date: Type.String({ description: "UTC" }), ...kept }), {
      description: "What expires in each of the coming 30 days, today first.",
    }),
  },
  { $id: "DeadLetterForecast" },
);

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
