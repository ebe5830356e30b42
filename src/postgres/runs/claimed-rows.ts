import type { Priority } from "../../domain/priority.ts";
import type { ClaimedRun, ClaimedRuns } from "./runs.ts";

/** A claimed run beside the counters; a claim that got none has one row, of the counters alone. */
export interface ClaimRow {
  id: string | null;
  tenant_id: string;
  flow_id: string;
  flow_version: number;
  event_id: string;
  replay_seq: number;
  lane: Priority;
  fence: string;
  attempts: number;
  gate?: string;
  counter: string;
  breakers: string;
}

export function asClaimedRuns(rows: readonly ClaimRow[]): ClaimedRuns {
  const runs = rows.flatMap((row): ClaimedRun[] => {
    if (row.id === null) return [];
    return [
      {
        id: row.id,
        tenantId: row.tenant_id,
        flowId: row.flow_id,
        flowVersion: row.flow_version,
        eventId: row.event_id,
        replaySeq: row.replay_seq,
        lane: row.lane,
        fence: Number(row.fence),
        attempts: row.attempts,
        ...(row.gate !== undefined && { gate: row.gate }),
      },
    ];
  });
  const [first] = rows;
  return { runs, flowsCounter: Number(first?.counter), breakersCounter: Number(first?.breakers) };
}
