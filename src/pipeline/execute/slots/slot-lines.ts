import { LANES, type Priority } from "../../../domain/priority.ts";
import { createSlotPool, type SlotPool } from "./slot-pool.ts";

export interface SlotBounds {
  /** Runs that this process carries out at once, by lane; no tenant may have more than half of them. */
  slots: Readonly<Record<Priority, number>>;
  /** A job waits for slots no longer than this, ms; then its runs are put off, and those behind it stand in no line. */
  slotWaitMs: number;
  /** Runs that are resumed together. */
  maxResumed: number;
}

/**
 * The slots of each lane, and a line of each tenant that waits for some. A line is short: what would wait longer than
 * `slotWaitMs` is put off into PostgreSQL, so that it stands before nobody else in the queue. While runs of a tenant are
 * put off, those that come later are put off behind them.
 */
export interface SlotLines {
  /**
   * Takes up to `want` slots, as soon as the tenant may have one, and returns how many it got; 0 says that the runs are
   * to be put off.
   */
  enter(lane: Priority, tenantId: string, want: number): Promise<number>;
  /** Takes up to `want` slots at once, where nothing of the tenant waits. */
  takeFree(lane: Priority, tenantId: string, want: number): number;
  /** Takes up to `want` slots at once, for runs that are claimed already, whatever waits. */
  takeClaimed(lane: Priority, tenantId: string, want: number): number;
  /** Gives slots back; `usedMs` is how long one was used, undefined where it was not. */
  release(lane: Priority, tenantId: string, count: number, usedMs: number | undefined): void;
  /** Says that runs of the tenant are put off: they are resumed as soon as it may have slots. */
  putOff(lane: Priority, tenantId: string): void;
  /** Lets nobody wait any more. */
  stop(): void;
}

interface Waiter {
  want: number;
  /** When it waits no longer. */
  untilMs: number;
  answer: (taken: number) => void;
}

interface Line {
  lane: Priority;
  tenantId: string;
  waiting: Waiter[];
  timer: NodeJS.Timeout | undefined;
  /** Whether runs of it are known to be put off, and whether they are being looked for. */
  hasPutOff: boolean;
  isResuming: boolean;
  /** How long a slot is used, in the running mean, ms; when one was last taken or given back. */
  meanMs: number;
  progressMs: number;
}

interface Lane {
  pool: SlotPool;
  lines: Map<string, Line>;
  /** Lines that have something to wait for, in the order of their turns. */
  pending: Set<Line>;
  isServing: boolean;
}

export function createSlotLines(deps: {
  bounds: SlotBounds;
  monotonicMs: () => number;
  /**
   * Begins runs that are put off in slots that were taken for them, and gives back what it does not use. Resolves with
   * whether more may be put off. Never rejects.
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
      line = { lane, tenantId, waiting: [], timer: undefined, ...FRESH, progressMs: monotonicMs() };
      lines.set(tenantId, line);
    }
    return line;
  }

  function take(line: Line, want: number): number {
    const taken = laneOf(line.lane).pool.take(line.tenantId, want);
    if (taken > 0) line.progressMs = monotonicMs();
    return taken;
  }

  /** How long the last of a line waits, by how long its slots are used. One that is used for longer counts as it is. */
  function waitMs(line: Line): number {
    const waiting = line.waiting.reduce((sum, { want }) => sum + want, 0);
    const held = Math.max(1, laneOf(line.lane).pool.heldBy(line.tenantId));
    return (waiting / held) * Math.max(line.meanMs, monotonicMs() - line.progressMs);
  }

  /** Serves what waits once the turn of the event loop has ended: the slots that came free in it together. */
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
    // A run that is put off meanwhile says so again.
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
    if (lane.pool.heldBy(line.tenantId) === 0) lane.lines.delete(line.tenantId);
  }

  /** The line is given up when its first has waited for too long. */
  function setTimer(line: Line): void {
    clearTimeout(line.timer);
    const [first] = line.waiting;
    line.timer = first && setTimeout(() => giveUp(line), Math.max(0, first.untilMs - monotonicMs()));
  }

  /** Nobody of the line waits any more. */
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

const FRESH = { hasPutOff: false, isResuming: false, meanMs: 0 };

/** The share of one use in the running mean. */
const SMOOTHING = 0.1;
