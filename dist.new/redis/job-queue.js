import { Queue } from "bullmq";
import { LANES } from "../domain/priority.js";
import { JOB_QUEUE } from "./keys.js";
export function openJobQueues(redis, keys, onError) {
    const queues = new Map(LANES.map((lane) => {
        const queue = new Queue(JOB_QUEUE, {
            connection: redis,
            prefix: keys.jobs(lane),
        });
        queue.on("error", onError);
        return [lane, queue];
    }));
    return {
        async add(jobs) {
            await Promise.all(LANES.map((lane) => {
                const ofLane = jobs.filter((job) => job.lane === lane);
                return ofLane.length === 0 ? undefined : queues.get(lane)?.addBulk(ofLane.map(asBulkJob));
            }));
        },
        async depths() {
            const depths = await Promise.all(LANES.map((lane) => redis.llen(`${keys.jobs(lane)}:${JOB_QUEUE}:wait`)));
            return new Map(LANES.map((lane, index) => [lane, depths[index] ?? 0]));
        },
        async close() {
            await Promise.all([...queues.values()].map((queue) => queue.close()));
        },
    };
}
/** Runs of one flow and lane travel together: a job costs far more than a run. */
export function jobsOf(runs, maxRunsPerJob) {
    const jobs = [];
    const open = new Map();
    for (const { id, tenantId, flowId, lane, generation = 0 } of runs) {
        const name = `${lane}/${tenantId}/${flowId}/${generation}`;
        let job = open.get(name);
        if (job === undefined || job.runIds.length >= maxRunsPerJob) {
            job = { lane, runIds: [], generation };
            open.set(name, job);
            jobs.push(job);
        }
        job.runIds.push(id);
    }
    return jobs;
}
function asBulkJob(job) {
    return {
        name: "run",
        data: { runIds: job.runIds },
        opts: {
            jobId: `${job.runIds[0]}.${job.generation}`,
            attempts: 1,
            removeOnComplete: true,
            removeOnFail: true,
        },
    };
}
//# sourceMappingURL=job-queue.js.map