import { type ConnectionOptions, Queue, Worker } from "bullmq";
import { connectRedis } from "../src/redis/client.ts";

const QUEUE = "bench";
const JOBS = 30_000;
const BULK = 100;
const CONCURRENCY = 50;
const PAYLOAD = "x".repeat(1_024);

/**
 * Jobs of 1 KiB that plain BullMQ adds and processes per second, at once and in one process: `addBulk` of 100, and an
 * empty handler, 50 at a time. It is the minimum cost of a pipeline with a BullMQ job per event.
 */
export async function bullMqPerSecond(redisUrl: string): Promise<number> {
  const connect = () =>
    connectRedis({ url: redisUrl, connectTimeoutMs: 2_000, commandTimeoutMs: 10_000, onError() {} }, "jobs");
  const connections = [connect(), connect()] as const;
  const queue = new Queue(QUEUE, { connection: connections[0] as ConnectionOptions });
  let processed = 0;
  let onAll = () => {};
  const all = new Promise<void>((resolve) => {
    onAll = resolve;
  });
  const worker = new Worker(
    QUEUE,
    async () => {
      processed += 1;
      if (processed === JOBS) onAll();
    },
    { connection: connections[1] as ConnectionOptions, concurrency: CONCURRENCY },
  );
  try {
    await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
    const startedMs = performance.now();
    for (let added = 0; added < JOBS; added += BULK) {
      const job = { name: "job", data: { payload: PAYLOAD }, opts: { removeOnComplete: true } };
      await queue.addBulk(Array.from({ length: BULK }, () => job));
    }
    await all;
    return (JOBS / (performance.now() - startedMs)) * 1_000;
  } finally {
    await worker.close();
    await queue.obliterate({ force: true });
    await queue.close();
    for (const connection of connections) connection.disconnect();
  }
}
