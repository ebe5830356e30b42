import { type ConnectionOptions, Queue } from "bullmq";
import { LANES, type Priority } from "../domain/priority.ts";
import type { RedisClient } from "./client.ts";
import { JOB_QUEUE, type RedisKeys } from "./keys.ts";

/** The data of a job: the ids of runs of one flow and lane. PostgreSQL has the rest, and decides. */
export interface JobData {
  runIds: string[];
  /** The tenant whose slots the runs take. Absent in jobs of older releases. */
  tenantId?: string;
  /** Whether the limits of the flow apply when the runs are claimed. */
  gated?: boolean;
}

/** A job to add to the queue of its lane. */
export interface NewJob extends JobData {
  lane: Priority;
  /** Rises each time the runs are queued again. BullMQ silently drops a job whose id it still knows. */
  generation: number;
}

/** BullMQ queues, one per lane, for transport and concurrency. They keep no state and retry nothing. */
export interface JobQueues {
  add(jobs: readonly NewJob[]): Promise<void>;
  /** Returns the number of jobs that wait for a worker, by lane. */
  depths(): Promise<Map<Priority, number>>;
  /** For the queue dashboard. */
  readonly byLane: ReadonlyMap<Priority, Queue>;
  close(): Promise<void>;
}

/** Opens the queues of all lanes. */
export function openJobQueues(
  redis: RedisClient,
  keys: RedisKeys,
  onError: (error: Error) => void,
): JobQueues {
  const queues = new Map(
    LANES.map((lane) => {
      const queue = new Queue<JobData>(JOB_QUEUE, {
        connection: redis as ConnectionOptions,
        prefix: keys.jobs(lane),
      });
      queue.on("error", onError);
      return [lane, queue];
    }),
  );
  return {
    async add(jobs) {
      await Promise.all(
        LANES.map((lane) => {
          const ofLane = jobs.filter((job) => job.lane === lane);
          return ofLane.length === 0 ? undefined : queues.get(lane)?.addBulk(ofLane.map(bulkJobOf));
        }),
      );
    },
    async depths() {
      const depths = await Promise.all(
        LANES.map((lane) => redis.llen(`${keys.jobs(lane)}:${JOB_QUEUE}:wait`)),
      );
      return new Map(LANES.map((lane, index) => [lane, depths[index] ?? 0]));
    },
    byLane: queues,
    async close() {
      await Promise.all([...queues.values()].map((queue) => queue.close()));
    },
  };
}

/** Groups runs of one flow and lane into jobs of at most `maxRunsPerJob`. A job costs far more than a run. */
export function jobsOf(
  runs: readonly {
    id: string;
    tenantId: string;
    flowId: string;
    lane: Priority;
    generation?: number;
    gated?: boolean;
    gate?: string | undefined;
  }[],
  maxRunsPerJob: number,
): NewJob[] {
  const jobs: NewJob[] = [];
  const open = new Map<string, NewJob>();
  for (const { id, tenantId, flowId, lane, generation = 0, gate, gated = gate !== undefined } of runs) {
    const name = `${lane}/${tenantId}/${flowId}/${generation}/${gated}`;
    let job = open.get(name);
    if (job === undefined || job.runIds.length >= maxRunsPerJob) {
      job = { lane, tenantId, runIds: [], generation, ...(gated && { gated }) };
      open.set(name, job);
      jobs.push(job);
    }
    job.runIds.push(id);
  }
  return jobs;
}

function bulkJobOf(job: NewJob) {
  return {
    name: "run",
    data: {
      runIds: job.runIds,
      ...(job.tenantId !== undefined && { tenantId: job.tenantId }),
      ...(job.gated && { gated: true }),
    },
    opts: {
      jobId: `${job.runIds[0]}.${job.generation}`,
      attempts: 1,
      removeOnComplete: true,
      removeOnFail: true,
    },
  };
}
