import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import { errorMessage } from "../runtime/error-message.ts";
import {
  CHANNEL_FD,
  type ChildBounds,
  createLineReader,
  type EndReport,
  type FromHost,
  REPORT_FD,
  type ToHost,
} from "./protocol.ts";

/** Bounds of one host. */
export interface HostBounds extends ChildBounds {
  /** The time without a turn after which an event loop is stuck, ms. */
  stuckMs: number;
  /** Memory of a host besides the heap of its handlers, MiB. */
  overheadMb: number;
  /** The length of one message of a host, characters. */
  maxMessageLength: number;
  /** Characters of one line of output in the log. */
  maxOutputLine: number;
  /** Lines of output in the log, per second. */
  outputLinesPerSecond: number;
}

/** The options of one host. */
export interface HostOptions {
  /** The path of `child/main`. */
  entry: string;
  /** The environment that handlers see. */
  env: Readonly<Record<string, string>>;
  /** The heap of the handlers, MiB. */
  memoryMb: number;
  bounds: HostBounds;
  onMessage: (message: FromHost) => void;
  /** Called with each line of standard output and error. */
  onOutput: (line: string, pid: number) => void;
  onEnd: (end: HostEnd) => void;
}

/** The end of a host. */
export interface HostEnd {
  report: EndReport | undefined;
  exitCode: number | null;
  signal: string | null;
  /** The tail of standard error, where V8 reports a full heap. */
  stderr: string;
}

/** A process that runs handlers. */
export interface HostProcess {
  readonly pid: number;
  send(message: ToHost): void;
  /** Closes the channel, after which the host ends by itself. */
  close(): void;
  /** Kills the host and the processes that its handlers started. */
  kill(): void;
  /** Resolves when the process has ended. */
  readonly ended: Promise<void>;
}

const STDERR_TAIL = 4_096;
/** How long the pipes of an ended host may stay open, ms. */
const PIPES_MS = 1_000;

/**
 * Starts a host with only the given environment, and no other descriptors than its pipes. Messages are sent together once
 * per turn of the event loop.
 */
export function startHost(options: HostOptions): HostProcess {
  const { entry, env, memoryMb, bounds, onMessage, onOutput, onEnd } = options;
  const rss = (memoryMb + bounds.overheadMb) * 1_048_576;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${memoryMb}`, entry, ...[process.pid, bounds.stuckMs, rss].map(String)],
    // A process group of its own, so that a signal of the terminal only reaches the server, which drains.
    { env: { ...env }, stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"], detached: true },
  );
  const pid = child.pid ?? 0;
  const channel = child.stdio[CHANNEL_FD] as Socket;
  const end: HostEnd = { report: undefined, exitCode: null, signal: null, stderr: "" };
  let lines: string[] = [];

  function kill(): void {
    if (child.exitCode !== null || child.signalCode !== null || pid === 0) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The host has ended meanwhile.
    }
  }

  channel.setEncoding("utf8");
  const readMessages = createLineReader(bounds.maxMessageLength, (line) => onMessage(JSON.parse(line)));
  channel.on("data", (chunk: string) => {
    try {
      readMessages(chunk);
    } catch (error) {
      end.report ??= { kind: "exit", message: `It sent an invalid message: ${errorMessage(error)}` };
      kill();
    }
  });
  // A broken channel shows as the end of the process.
  channel.on("error", () => {});
  readReport(child, (report) => {
    end.report ??= report;
  });
  watchOutput(
    child,
    bounds,
    (line) => onOutput(line, pid),
    (text) => {
      end.stderr = (end.stderr + text).slice(-STDERR_TAIL);
    },
  );
  child.once("error", (error) => {
    end.report ??= { kind: "exit", message: `It could not be started: ${error.message}` };
    if (pid === 0) finish();
  });
  let isFinished = false;
  let onEnded = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnded = resolve;
  });
  function finish(): void {
    if (isFinished) return;
    isFinished = true;
    onEnded();
    onEnd({ ...end, exitCode: child.exitCode, signal: child.signalCode });
  }
  // The pipes are read to their ends, so the end report has arrived.
  child.once("close", finish);
  // A process that a handler started may keep the pipes open.
  child.once("exit", () => {
    setTimeout(finish, PIPES_MS).unref();
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // The process group is empty.
    }
  });

  function flush(): void {
    if (lines.length > 0 && channel.writable) channel.write(`${lines.join("\n")}\n`);
    lines = [];
  }
  return {
    pid,
    send(message) {
      // Throws for a value that is nested too deeply, before anything is sent.
      const line = JSON.stringify(message);
      if (lines.length === 0) setImmediate(flush);
      lines.push(line);
    },
    close() {
      flush();
      channel.end();
    },
    kill,
    ended,
  };
}

function readReport(child: ChildProcess, onReport: (report: EndReport) => void): void {
  const pipe = child.stdio[REPORT_FD] as Socket;
  pipe.setEncoding("utf8");
  const read = createLineReader(65_536, (line) => onReport(JSON.parse(line) as EndReport));
  pipe.on("data", (chunk: string) => {
    try {
      read(chunk);
    } catch {
      // A handler wrote to the pipe: its exit code decides.
      pipe.resume();
    }
  });
  pipe.on("error", () => {});
}

/** Reads all output, so that no handler blocks on a full pipe, and passes on the lines within the bounds. */
function watchOutput(
  child: ChildProcess,
  bounds: HostBounds,
  onLine: (line: string) => void,
  onStderr: (text: string) => void,
): void {
  let second = 0;
  let lines = 0;
  function take(line: string): void {
    const now = Math.floor(performance.now() / 1_000);
    if (now !== second) {
      second = now;
      lines = 0;
    }
    lines += 1;
    if (lines <= bounds.outputLinesPerSecond) onLine(line.slice(0, bounds.maxOutputLine));
    else if (lines === bounds.outputLinesPerSecond + 1) onLine("further output is dropped for a second");
  }
  for (const stream of [child.stdout, child.stderr]) {
    let rest = "";
    stream?.setEncoding("utf8");
    stream?.on("data", (chunk: string) => {
      if (stream === child.stderr) onStderr(chunk.slice(-STDERR_TAIL));
      const parts = (rest + chunk).split("\n");
      rest = (parts.pop() ?? "").slice(0, bounds.maxOutputLine);
      for (const part of parts) if (part !== "") take(part);
    });
    stream?.on("end", () => rest !== "" && take(rest));
    stream?.on("error", () => {});
  }
}
