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
  /** Lines kept per attempt; more are counted. */
  maxLines: number;
  /** Bytes kept per attempt. */
  maxBytes: number;
  /** Bytes kept per line. A longer line loses its fields. */
  maxLineBytes: number;
  /** Attempts per run whose log is kept; the newest ones. */
  maxAttempts: number;
  /** How long a line of a run under way waits to be written, ms. */
  flushMs: number;
}

/** The log of one attempt. */
export interface RunLog {
  log: HandlerLog;
  /** Counts lines that the flow host dropped. */
  drop(lines: number): void;
  /** Writes the remaining lines. Later ones are lost. Never rejects. */
  end(): Promise<void>;
}

/** Writes lines to the log of the process and to the run's log, which the API shows. Its failures never fail a run. */
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
    // Created on first use: most runs log nothing, and a child logger is expensive.
    let child: Logger | undefined;
    const processLog = () =>
      (child ??= deps.log.child({ tenant_id: tenantId, flow: run.flowId, run_id: runId }));
    const lines: LogLine[] = [];
    let bytes = 0;
    let dropped = 0;
    let ended = false;
    let timer: NodeJS.Timeout | undefined;
    // One write at a time: a batch contains a run once.
    let written: Promise<void> = Promise.resolve();

    function write(): Promise<void> {
      clearTimeout(timer);
      timer = undefined;
      written = written
        .then(() => writes.add({ runId, fence, tenantId, attempt, lines: [...lines], dropped }))
        .catch((error) => processLog().debug({ err: error }, "cannot store the log of a run"));
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
  // JSON writes a character as at most six bytes.
  return { time, level, message: message.slice(0, Math.floor(maxBytes / 8)), fields: { shortened: true } };
}
