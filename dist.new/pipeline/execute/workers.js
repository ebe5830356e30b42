import { Worker } from "bullmq";
import { LANES } from "../../domain/priority.js";
import { JOB_QUEUE } from "../../redis/keys.js";
export function createWorkers(deps) {
    const { connect, keys, execute, limits, onError } = deps;
    const connections = [];
    const workers = LANES.map((lane) => {
        const connection = connect();
        connections.push(connection);
        const worker = new Worker(JOB_QUEUE, (job) => execute(job.data.runIds), {
            connection: connection,
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
    let running;
    return {
        start() {
            running ??= Promise.all(workers.map((worker) => worker.run().catch(onError)));
        },
        async stop() {
            await Promise.all(workers.map((worker) => worker.close()));
            await running;
            for (const connection of connections)
                connection.disconnect();
        },
    };
}
//# sourceMappingURL=workers.js.map