import { type ChildProcess, spawn } from "node:child_process";
import type { Socket } from "node:net";
import {
  CHANNEL_FD,
  type ChildBounds,
  createLineReader,
  type FromHost,
  type LastWords,
  type ToHost,
  WORDS_FD,
} from "./protocol.ts";

export interface HostBounds extends ChildBounds {
  /** An event loop that makes no turn for so long is stuck, ms. */
  stuckMs: number;
  /** Memory of a host beside the heap of its handlers, MiB. */
  overheadMb: number;
  /** One message of a host, characters. */
  maxMessageLength: number;
  /** Bounds of a host's output in the log: characters of one line, and lines per second. */
  maxOutputLine: number;
  outputLinesPerSecond: number;
}

export interface HostOptions {
  /** The file of `child/main`. */
  entry: string;
  /** All that handlers see of the environment. */
  env: Readonly<Record<string, string>>;
  /** The heap of its handlers, MiB. */
  memoryMb: number;
  bounds: HostBounds;
  onMessage: (message: FromHost) => void;
  /** A line of its standard output or error. */
  onOutput: (line: string, pid: number) => void;
  onEnd: (end: HostEnd) => void;
}

/** How a host ended. */
export interface HostEnd {
  words: LastWords | undefined;
  exitCode: number | null;
  signal: string | null;
  /** The last of what it wrote to standard error: V8 says there that its heap is full. */
  stderr: string;
}

/** A process that runs handlers. */
export interface HostProcess {
  readonly pid: number;
  send(message: ToHost): void;
  /** Closes the channel: it ends by itself. */
  close(): void;
  /** Ends it at once, with what its handlers have started. */
  kill(): void;
  /** Resolves when it is gone. */
  readonly ended: Promise<void>;
}

const STDERR_TAIL = 4_096;
/** How long the pipes of a host that has ended may stay open, ms. */
const PIPES_MS = 1_000;

/**
 * Starts a host: no environment, no descriptors and no arguments but those that are named here. Messages leave together,
 * once per turn of the event loop.
 */
export function startHost(options: HostOptions): HostProcess {
  const { entry, env, memoryMb, bounds, onMessage, onOutput, onEnd } = options;
  const rss = (memoryMb + bounds.overheadMb) * 1_048_576;
  const child = spawn(
    process.execPath,
    [`--max-old-space-size=${memoryMb}`, entry, ...[process.pid, bounds.stuckMs, rss].map(String)],
    // A group of its own: a signal of the terminal reaches the server alone, which drains.
    { env: { ...env }, stdio: ["ignore", "pipe", "pipe", "pipe", "pipe"], detached: true },
  );
  const pid = child.pid ?? 0;
  const channel = child.stdio[CHANNEL_FD] as Socket;
  const end: HostEnd = { words: undefined, exitCode: null, signal: null, stderr: "" };
  let lines: string[] = [];

  function kill(): void {
    if (child.exitCode !== null || child.signalCode !== null || pid === 0) return;
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // It has ended meanwhile.
    }
  }

  channel.setEncoding("utf8");
  const readMessages = createLineReader(bounds.maxMessageLength, (line) => onMessage(JSON.parse(line)));
  channel.on("data", (chunk: string) => {
    try {
      readMessages(chunk);
    } catch (error) {
      end.words ??= { kind: "exit", message: `It sent what is no message: ${(error as Error).message}` };
      kill();
    }
  });
  // A channel that breaks is told by the end of the process.
  channel.on("error", () => {});
  readWords(child, (words) => {
    end.words ??= words;
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
    end.words ??= { kind: "exit", message: `It cannot be started: ${error.message}` };
    if (pid === 0) tellEnd();
  });
  let isTold = false;
  let onEnded = () => {};
  const ended = new Promise<void>((resolve) => {
    onEnded = resolve;
  });
  function tellEnd(): void {
    if (isTold) return;
    isTold = true;
    onEnded();
    onEnd({ ...end, exitCode: child.exitCode, signal: child.signalCode });
  }
  // When its pipes are read to their ends, too: its last words are there.
  child.once("close", tellEnd);
  // A process that a handler started may hold the pipes open.
  child.once("exit", () => {
    setTimeout(tellEnd, PIPES_MS).unref();
    try {
      process.kill(-pid, "SIGKILL");
    } catch {
      // Nothing of its group is left.
    }
  });

  function flush(): void {
    if (lines.length > 0 && channel.writable) channel.write(`${lines.join("\n")}\n`);
    lines = [];
  }
  return {
    pid,
    send(message) {
      // Throws for a value that is nested too deeply, before anything of it is on its way.
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

function readWords(child: ChildProcess, onWords: (words: LastWords) => void): void {
  const pipe = child.stdio[WORDS_FD] as Socket;
  pipe.setEncoding("utf8");
  const read = createLineReader(65_536, (line) => onWords(JSON.parse(line) as LastWords));
  pipe.on("data", (chunk: string) => {
    try {
      read(chunk);
    } catch {
      // A handler wrote there: the host is judged by how it ends.
      pipe.resume();
    }
  });
  pipe.on("error", () => {});
}

/** Reads on whatever is written, so that no handler waits for a pipe that is full; what is too much is left out. */
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
    else if (lines === bounds.outputLinesPerSecond + 1) onLine("more output is left out for a second");
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
