import { type ChildProcess, spawn } from "node:child_process";
import { delay } from "../runtime/delay.ts";
import { familyOf, listProcesses } from "./processes.ts";
import { type RunAs, storeEnvironment } from "./run-as.ts";

/** How long a store may take to stop before it is killed, ms. */
const STOP_MS = 30_000;

/**
 * Runs the store as a child and sends it the stop signal when standard input closes, which the parent does on purpose or
 * by dying. Ignores signals that are meant for the parent. Ends with the store.
 */
const SCRIPT = `
stop=$1; shift
trap '' HUP INT TERM
exec 3<&0
"$@" </dev/null 3<&- &
store=$!
{ read -r _ <&3; kill -s "$stop" "$store"; } 2>/dev/null &
watcher=$!
exec 3<&-
wait "$store"
status=$?
kill -s KILL "$watcher" 2>/dev/null
exit "$status"
`;

/** A store that cannot outlive the process that started it. */
export interface Guarded {
  /** The pid of the guardian, whose child is the store. */
  readonly pid: number;
  readonly ended: boolean;
  /** Resolves when the store has ended. */
  readonly end: Promise<void>;
  /** Stops the store and resolves when it has ended. Kills it after 30 s. */
  stop(): Promise<void>;
  /** Kills the store and all its children with SIGKILL, and resolves when they have ended. */
  kill(): Promise<void>;
}

/** Starts the command in a session of its own, which Ctrl-C in the terminal does not reach. */
export async function startGuarded(options: {
  command: readonly string[];
  directory: string;
  stopSignal: "INT" | "TERM";
  runAs: RunAs | undefined;
  /** The descriptor for its output. */
  logFd: number;
}): Promise<Guarded> {
  const { command, directory, stopSignal, runAs, logFd } = options;
  const child = spawn("/bin/sh", ["-c", SCRIPT, "headrace-guardian", stopSignal, ...command], {
    cwd: directory,
    env: storeEnvironment(),
    stdio: ["pipe", logFd, logFd],
    detached: true,
    ...runAs,
  });
  await spawned(child);
  return guarded(child, child.pid as number);
}

function guarded(child: ChildProcess, pid: number): Guarded {
  let ended = false;
  const end = new Promise<void>((resolve) => {
    child.once("exit", () => {
      ended = true;
      resolve();
    });
  });
  // The pipe breaks when the guardian is killed, which `end` reports.
  child.stdin?.on("error", () => {});

  async function kill(): Promise<void> {
    const family = ended ? [] : familyOf(pid);
    for (const member of family) {
      try {
        process.kill(member, "SIGKILL");
      } catch {
        // It has ended with its parent.
      }
    }
    await end;
    const alive = () => listProcesses().some((one) => family.includes(one.pid) && one.commandLine !== "");
    while (alive()) await delay(10);
  }
  return {
    pid,
    end,
    get ended() {
      return ended;
    },
    async stop() {
      child.stdin?.end();
      const timer = setTimeout(() => void kill(), STOP_MS);
      await end;
      clearTimeout(timer);
    },
    kill,
  };
}

function spawned(child: ChildProcess): Promise<void> {
  return new Promise((resolve, reject) => child.once("spawn", resolve).once("error", reject));
}
