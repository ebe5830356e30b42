import { type ConnectionOptions, Worker } from "bullmq";
import { LANES, type Priority } from "../../domain/priority.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { JobData, JobQueues } from "../../redis/job-queue.ts";
import { JOB_QUEUE, type RedisKeys } from "../../redis/keys.ts";
import { delay } from "../../runtime/delay.ts";
import type { Step } from "../../runtime/loop.ts";

export interface WorkerBounds {
  /** Concurrent jobs of this process, by lane. */
  concurrency: Readonly<Record<Priority, number>>;
  /** BullMQ's lock on a job, ms. The run's own lease decides who may finish it. */
  lockMs: number;
  /** The interval of the watch, ms. */
  watchMs: number;
  /** How long a worker may take no job while jobs wait and it has capacity, ms. Then it is replaced. */
  stuckMs: number;
  /** How long a replaced worker may take to close, ms. */
  closeMs: number;
}

/** The BullMQ workers, one per lane. */
export interface Workers {
  start(): void;
  /**
   * Replaces a worker that makes no progress by one on a new connection. Throws while the new one makes none either, so
   * that readiness reports it.
   */
  watch: Step;
  /** True while it works on a job. */
  readonly isBusy: boolean;
  /** Takes no more jobs. Resolves when those under way have ended. */
  stop(): Promise<void>;
}

interface Lane {
  lane: Priority;
  worker: Worker<JobData>;
  connection: RedisClient;
  /** Jobs under way. */
  busy: number;
  /** The last time that it took a job, or had none to take, ms. */
  progressMs: number;
  /** Replacements since the last job. */
  replaced: number;
}

export interface WorkersDeps {
  connect: () => RedisClient;
  keys: RedisKeys;
  queues: Pick<JobQueues, "depths">;
  /** Resolves when the job is done: its runs were started or put off. */
  execute: (lane: Priority, job: JobData) => Promise<void>;
  bounds: WorkerBounds;
  monotonicMs: () => number;
  onReplaced: (lane: Priority) => void;
  onError: (error: Error) => void;
}

export function createWorkers(deps: WorkersDeps): Workers {
  const { queues, bounds, monotonicMs, onError } = deps;
  let state: "new" | "running" | "stopped" = "new";
  const lanes = LANES.map((lane) => {
    const one = { lane, busy: 0, progressMs: monotonicMs(), replaced: 0 } as Lane;
    open(one);
    return one;
  });

  function open(one: Lane): void {
    one.connection = deps.connect();
    one.worker = new Worker<JobData>(JOB_QUEUE, (job) => take(one, job.data), {
      connection: one.connection as ConnectionOptions,
      prefix: deps.keys.jobs(one.lane),
      autorun: false,
      concurrency: bounds.concurrency[one.lane],
      lockDuration: bounds.lockMs,
      maxStalledCount: 1,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    one.worker.on("error", onError);
    one.worker.on("failed", (_job, error) => onError(error));
  }

  async function take(one: Lane, job: JobData): Promise<void> {
    one.busy += 1;
    one.progressMs = monotonicMs();
    one.replaced = 0;
    try {
      await deps.execute(one.lane, job);
    } finally {
      one.busy -= 1;
    }
  }

  /** Its jobs under way go on: their results are kept in PostgreSQL. */
  function replace(one: Lane): void {
    const { worker, connection } = one;
    void close(worker, connection, bounds.closeMs);
    open(one);
    one.progressMs = monotonicMs();
    one.replaced += 1;
    one.worker.run().catch(onError);
    deps.onReplaced(one.lane);
  }

  async function close(worker: Worker, connection: RedisClient, withinMs: number): Promise<void> {
    await Promise.race([worker.close().catch(onError), delay(withinMs, { ref: false })]);
    connection.disconnect();
  }

  return {
    start() {
      if (state !== "new") return;
      state = "running";
      for (const one of lanes) {
        one.progressMs = monotonicMs();
        one.worker.run().catch(onError);
      }
    },
    async watch() {
      const depths = await queues.depths();
      if (state !== "running") return { waitMs: bounds.watchMs };
      for (const one of lanes) {
        const isIdle = (depths.get(one.lane) ?? 0) === 0;
        if (isIdle) one.replaced = 0;
        if (isIdle || one.busy >= bounds.concurrency[one.lane]) one.progressMs = monotonicMs();
        if (monotonicMs() - one.progressMs >= bounds.stuckMs) replace(one);
      }
      const helpless = lanes.filter((one) => one.replaced > 1);
      if (helpless.length === 0) return { waitMs: bounds.watchMs };
      const names = helpless.map((one) => `P${one.lane}`).join(", ");
      throw new Error(`jobs of ${names} wait and no worker takes them, although it was replaced`);
    },
    get isBusy() {
      return lanes.some((one) => one.busy > 0);
    },
    async stop() {
      state = "stopped";
      await Promise.all(lanes.map((one) => one.worker.close()));
      for (const one of lanes) one.connection.disconnect();
    },
  };
}
