import type { RunAttempt } from "../../../domain/flow/flow-run.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import { keepRunLogs, type LogLine, type RunLogPart } from "../../../postgres/runs/logs.ts";
import { Batcher } from "../../../runtime/batcher.ts";
import type { Logger } from "../../../runtime/logger.ts";
import { createRedactor } from "../../../runtime/redact.ts";

export interface HandlerLog {
  info(message: string, fields?: Record<string, unknown>): void;
  warn(message: string, fields?: Record<string, unknown>): void;
  error(message: string, fields?: Record<string, unknown>): void;
}

export interface RunLogBounds {
  /** Lines kept of one attempt; more are counted. */
  maxLines: number;
  /** What is kept of one attempt, and of one line, bytes. A longer line loses its fields. */
  maxBytes: number;
  maxLineBytes: number;
  /** Attempts of a run whose log is kept: the newest. */
  maxAttempts: number;
  /** The longest that a line waits to be written while its run goes on, ms. */
  flushMs: number;
}

/** The log of one attempt. */
export interface RunLog {
  log: HandlerLog;
  /** Counts lines that were left out before they came here. */
  drop(lines: number): void;
  /** Writes what is not written yet. Lines that come later are lost. Never throws. */
  end(): Promise<void>;
}

/** Lines go to the log of the process, and to the run's own, which the API shows. A log never fails its run. */
export function createRunLogs(deps: {
  database: Queryable;
  log: Logger;
  bounds: RunLogBounds;
  now: () => number;
}): (run: RunAttempt) => RunLog {
  const { database, bounds, now } = deps;
  const redacted = createRedactor();
  const writes = new Batcher<RunLogPart, void>(
    async (parts) => {
      await keepRunLogs(database, parts, bounds.maxAttempts);
      return parts.map(() => undefined);
    },
    { maxItems: 64, inFlight: 1, maxWaiting: 10_000, full: () => new Error("Too many logs wait") },
  );

  return (run) => {
    const { runId, fence, tenantId, attempt } = run;
    // Most runs say nothing, and a child of the log costs more than all the rest of this.
    let child: Logger | undefined;
    const processLog = () =>
      (child ??= deps.log.child({ tenant_id: tenantId, flow: run.flowId, run_id: runId }));
    const lines: LogLine[] = [];
    let bytes = 0;
    let dropped = 0;
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    // One write after the other: a batch holds a run once.
    let written: Promise<void> = Promise.resolve();

    function write(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      written = written
        .then(() => writes.add({ runId, fence, tenantId, attempt, lines: [...lines], dropped }))
        .catch((error) => processLog().debug({ err: error }, "the log of a run was not kept"));
      return written;
    }

    function add(level: LogLine["level"], message: unknown, fields: unknown): void {
      if (ended) return;
      const kind = { time: new Date(now()).toISOString(), level, message: String(message) };
      const plain = redacted(fields);
      const line: LogLine = { ...kind, ...(plain !== undefined && { fields: plain }) };
      processLog()[level](line.fields ?? {}, line.message);
      const size = Buffer.byteLength(JSON.stringify(line));
      const kept = size > bounds.maxLineBytes ? shortened(line, bounds.maxLineBytes) : line;
      bytes += Math.min(size, bounds.maxLineBytes);
      if (lines.length < bounds.maxLines && bytes <= bounds.maxBytes) lines.push(kept);
      else dropped += 1;
      timer ??= setTimeout(write, bounds.flushMs).unref();
    }

    return {
      log: {
        info: (message, fields) => add("info", message, fields),
        warn: (message, fields) => add("warn", message, fields),
        error: (message, fields) => add("error", message, fields),
      },
      drop(more) {
        if (ended || more <= 0) return;
        dropped += more;
        timer ??= setTimeout(write, bounds.flushMs).unref();
      },
      async end() {
        ended = true;
        await (timer === undefined ? written : write());
      },
    };
  };
}

function shortened({ time, level, message }: LogLine, maxBytes: number): LogLine {
  // JSON writes a character as six bytes at the most.
  return { time, level, message: message.slice(0, Math.floor(maxBytes / 8)), fields: { shortened: true } };
}
