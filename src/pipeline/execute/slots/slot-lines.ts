import { LANES, type Priority } from "../../../domain/priority.ts";
import { createSlotPool, type SlotPool } from "./slot-pool.ts";

export interface SlotBounds {
  /** Concurrent runs of this process, by lane. A tenant gets at most half of them. */
  slots: Readonly<Record<Priority, number>>;
  /** How long a job waits for slots, ms. Then its runs and those of the jobs behind it are put off. */
  slotWaitMs: number;
  /** Runs resumed at once. */
  maxResumed: number;
}

/**
 * The slots of each lane, and a line of waiting jobs per tenant. Lines are short: runs that would wait longer than
 * `slotWaitMs` are put off into PostgreSQL, so that they block no other tenant's jobs in the queue. While runs of a
 * tenant are put off, later ones are put off behind them.
 */
export interface SlotLines {
  /**
   * Takes up to `want` slots as soon as the tenant gets one, and returns the number taken. 0: the runs must be put off.
   */
  enter(lane: Priority, tenantId: string, want: number): Promise<number>;
  /** Takes up to `want` slots without waiting, and none if jobs or runs of the tenant wait. */
  takeFree(lane: Priority, tenantId: string, want: number): number;
  /** Takes up to `want` slots without waiting, for runs that are already claimed, even if others wait. */
  takeClaimed(lane: Priority, tenantId: string, want: number): number;
  /** Releases slots. `usedMs` is how long one was used; undefined if it was not. */
  release(lane: Priority, tenantId: string, count: number, usedMs: number | undefined): void;
  /** States that runs of the tenant are put off: they are resumed as soon as it gets slots. */
  putOff(lane: Priority, tenantId: string): void;
  /** Ends all waits. */
  stop(): void;
}

interface Waiter {
  want: number;
  /** The end of its wait. */
  untilMs: number;
  answer: (taken: number) => void;
}

interface Line {
  lane: Priority;
  tenantId: string;
  waiting: Waiter[];
  timer: NodeJS.Timeout | undefined;
  /** True while runs of the tenant may be put off. */
  hasPutOff: boolean;
  isResuming: boolean;
  /** Running mean of the time that a slot is used, ms. */
  meanMs: number;
  /** The last time that a slot was taken or released, ms. */
  progressMs: number;
}

interface Lane {
  pool: SlotPool;
  lines: Map<string, Line>;
  /** Lines with waiting jobs or put-off runs, in the order in which they are served. */
  pending: Set<Line>;
  isServing: boolean;
}

export function createSlotLines(deps: {
  bounds: SlotBounds;
  monotonicMs: () => number;
  /**
   * Starts put-off runs in slots that were taken for them, and releases unused slots. Resolves with whether more runs
   * may be put off. Never rejects.
   */
  resume: (lane: Priority, tenantId: string, taken: number) => Promise<boolean>;
}): SlotLines {
  const { bounds, monotonicMs, resume } = deps;
  const lanes = new Map<Priority, Lane>(
    LANES.map((lane) => {
      const pool = createSlotPool(bounds.slots[lane]);
      return [lane, { pool, lines: new Map(), pending: new Set(), isServing: false }];
    }),
  );
  let isStopped = false;

  function laneOf(lane: Priority): Lane {
    return lanes.get(lane) as Lane;
  }

  function lineOf(lane: Priority, tenantId: string): Line {
    const { lines } = laneOf(lane);
    let line = lines.get(tenantId);
    if (line === undefined) {
      line = {
        lane,
        tenantId,
        waiting: [],
        timer: undefined,
        hasPutOff: false,
        isResuming: false,
        meanMs: 0,
        progressMs: monotonicMs(),
      };
      lines.set(tenantId, line);
    }
    return line;
  }

  function take(line: Line, want: number): number {
    const taken = laneOf(line.lane).pool.take(line.tenantId, want);
    if (taken > 0) line.progressMs = monotonicMs();
    return taken;
  }

  /** Estimates the wait of the last job in a line, from the time that the tenant's slots are used. */
  function waitMs(line: Line): number {
    const waiting = line.waiting.reduce((sum, { want }) => sum + want, 0);
    const taken = Math.max(1, laneOf(line.lane).pool.takenBy(line.tenantId));
    return (waiting / taken) * Math.max(line.meanMs, monotonicMs() - line.progressMs);
  }

  /** Serves the lane at the end of the event loop's turn, so that slots released in one turn are given out together. */
  function serveSoon(lane: Lane): void {
    if (lane.isServing || lane.pending.size === 0) return;
    lane.isServing = true;
    setImmediate(() => {
      lane.isServing = false;
      for (const line of [...lane.pending]) serve(lane, line);
    });
  }

  function serve(lane: Lane, line: Line): void {
    lane.pending.delete(line);
    while (line.waiting.length > 0) {
      const [first] = line.waiting as [Waiter];
      const taken = take(line, first.want);
      if (taken === 0) break;
      line.waiting.shift();
      first.answer(taken);
    }
    setTimer(line);
    if (line.hasPutOff && !line.isResuming) {
      const taken = take(line, bounds.maxResumed);
      if (taken > 0) void resumeLine(lane, line, taken);
    }
    if (line.waiting.length > 0 || line.hasPutOff) lane.pending.add(line);
    else forget(lane, line);
  }

  async function resumeLine(lane: Lane, line: Line, taken: number): Promise<void> {
    // A run that is put off meanwhile sets it again.
    line.hasPutOff = false;
    line.isResuming = true;
    const mayHaveMore = await resume(line.lane, line.tenantId, taken);
    line.isResuming = false;
    if (mayHaveMore && !isStopped) line.hasPutOff = true;
    if (line.hasPutOff) {
      lane.pending.add(line);
      serveSoon(lane);
    } else forget(lane, line);
  }

  function forget(lane: Lane, line: Line): void {
    if (line.waiting.length > 0 || line.hasPutOff || line.isResuming) return;
    if (lane.pool.takenBy(line.tenantId) === 0) lane.lines.delete(line.tenantId);
  }

  /** Ends the line's waits when its first job has waited too long. */
  function setTimer(line: Line): void {
    clearTimeout(line.timer);
    const [first] = line.waiting;
    line.timer = first && setTimeout(() => giveUp(line), Math.max(0, first.untilMs - monotonicMs()));
  }

  function giveUp(line: Line): void {
    const waiting = line.waiting.splice(0);
    setTimer(line);
    if (waiting.length > 0) line.hasPutOff = true;
    for (const { answer } of waiting) answer(0);
  }

  return {
    async enter(lane, tenantId, want) {
      if (isStopped) return 0;
      const line = lineOf(lane, tenantId);
      const { pending } = laneOf(lane);
      if (line.hasPutOff || line.isResuming) return 0;
      const taken = line.waiting.length === 0 ? take(line, want) : 0;
      if (taken > 0) return taken;
      if (waitMs(line) > bounds.slotWaitMs) return 0;
      return await new Promise((answer) => {
        line.waiting.push({ want, untilMs: monotonicMs() + bounds.slotWaitMs, answer });
        pending.add(line);
        if (line.waiting.length === 1) setTimer(line);
      });
    },
    takeFree(lane, tenantId, want) {
      const line = lineOf(lane, tenantId);
      const isFree = !line.hasPutOff && !line.isResuming && line.waiting.length === 0;
      const taken = isFree && !isStopped ? take(line, want) : 0;
      forget(laneOf(lane), line);
      return taken;
    },
    takeClaimed: (lane, tenantId, want) => (isStopped ? 0 : take(lineOf(lane, tenantId), want)),
    release(name, tenantId, count, usedMs) {
      const lane = laneOf(name);
      const line = lineOf(name, tenantId);
      lane.pool.release(tenantId, count);
      if (usedMs !== undefined) {
        line.progressMs = monotonicMs();
        line.meanMs = line.meanMs === 0 ? usedMs : line.meanMs + (usedMs - line.meanMs) * SMOOTHING;
      }
      forget(lane, line);
      serveSoon(lane);
    },
    putOff(name, tenantId) {
      if (isStopped) return;
      const lane = laneOf(name);
      const line = lineOf(name, tenantId);
      line.hasPutOff = true;
      lane.pending.add(line);
      serveSoon(lane);
    },
    stop() {
      isStopped = true;
      for (const { lines, pending } of lanes.values()) {
        for (const line of lines.values()) giveUp(line);
        pending.clear();
      }
    },
  };
}

/** Weight of one use in the running mean. */
const SMOOTHING = 0.1;
