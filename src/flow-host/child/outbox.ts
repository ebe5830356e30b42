import type { Socket } from "node:net";
import type { FromHost } from "../protocol.ts";

/** Messages to the server. They are sent together at the end of the turn of the event loop. */
export interface Outbox {
  send(message: FromHost): void;
  /** Queues the end of a job, as a line. A later end of the same job replaces it until it is sent. */
  end(job: number, line: string): void;
  /** Returns whether an end of the job is queued. */
  isEnding(job: number): boolean;
}

/**
 * Creates the outbox of a channel. It delays the end of a job until the turn of the event loop ends, because Node reports
 * an unhandled rejection only after the handler has returned.
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
