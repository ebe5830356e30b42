import type { Socket } from "node:net";
import type { FromHost } from "../protocol.ts";

/** The messages to the server. They leave together, when the event loop has made its turn. */
export interface Outbox {
  send(message: FromHost): void;
  /** The end of a job, as a line. Until it leaves, a later one of the same job takes its place. */
  end(job: number, line: string): void;
  /** Whether an end of the job waits to leave. */
  isEnding(job: number): boolean;
}

/**
 * An end waits for the event loop's turn, since a promise that nobody handles is reported after the handler that made it
 * has returned.
 */
export function createOutbox(channel: Socket): Outbox {
  let lines: string[] = [];
  const ends = new Map<number, string>();
  let isScheduled = false;

  function schedule(): void {
    if (isScheduled) return;
    isScheduled = true;
    setImmediate(flush);
  }

  function flush(): void {
    isScheduled = false;
    lines.push(...ends.values());
    ends.clear();
    channel.write(`${lines.join("\n")}\n`);
    lines = [];
  }

  return {
    send(message) {
      lines.push(JSON.stringify(message));
      schedule();
    },
    end(job, line) {
      ends.set(job, line);
      schedule();
    },
    isEnding: (job) => ends.has(job),
  };
}
