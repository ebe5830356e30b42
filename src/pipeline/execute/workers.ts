import { type ConnectionOptions, Worker } from "bullmq";
import { LANES, type Priority } from "../../domain/priority.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { JobData } from "../../redis/job-queue.ts";
import { JOB_QUEUE, type RedisKeys } from "../../redis/keys.ts";

export interface WorkerLimits {
  /** Jobs that this process executes at once, by lane. */
  concurrency: Readonly<Record<Priority, number>>;
  /** How long BullMQ lets a silent worker keep a job, ms. What decides is the run's own lease. */
  lockMs: number;
}

/** BullMQ's workers, one a lane. */
export interface Workers {
  start(): void;
  /** Takes no more jobs; resolves when those in hand have ended. */
  stop(): Promise<void>;
}

export function createWorkers(deps: {
  connect: () => RedisClient;
  keys: RedisKeys;
  execute: (runIds: string[]) => Promise<void>;
  limits: WorkerLimits;
  onError: (error: Error) => void;
}): Workers {
  const { connect, keys, execute, limits, onError } = deps;
  const connections: RedisClient[] = [];
  const workers = LANES.map((lane) => {
    const connection = connect();
    connections.push(connection);
    const worker = new Worker<JobData>(JOB_QUEUE, (job) => execute(job.data.runIds), {
      connection: connection as ConnectionOptions,
      prefix: keys.jobs(lane),
      autorun: false,
      concurrency: limits.concurrency[lane],
      lockDuration: limits.lockMs,
      maxStalledCount: 1,
      removeOnComplete: { count: 0 },
      removeOnFail: { count: 0 },
    });
    worker.on("error", onError);
    worker.on("failed", (_job, error) => onError(error));
    return worker;
  });
  let running: Promise<unknown> | undefined;
  return {
    start() {
      running ??= Promise.all(workers.map((worker) => worker.run().catch(onError)));
    },
    async stop() {
      await Promise.all(workers.map((worker) => worker.close()));
      await running;
      for (const connection of connections) connection.disconnect();
    },
  };
}
