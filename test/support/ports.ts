import { createServer } from "node:net";

/**
 * Below the ports that the kernel gives to whoever connects: one of those may be taken before the process that it was
 * found for listens on it.
 */
const FIRST_PORT = 10_000;
/** Of each of the test runner's workers, so that they do not meet. */
const PORTS_A_WORKER = 4_000;

let next = Math.floor(Math.random() * PORTS_A_WORKER);

/** Ports that nobody listens on, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries += 1) {
    if (tries === PORTS_A_WORKER)
      throw new Error(`${PORTS_A_WORKER} ports were tried, ${ports.length} are free`);
    next = (next + 1) % PORTS_A_WORKER;
    const port = FIRST_PORT + (Number(process.env["VITEST_POOL_ID"] ?? 0) % 5) * PORTS_A_WORKER + next;
    if (await isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", () => resolve(false));
    server.listen(port, "127.0.0.1", () => server.close(() => resolve(true)));
  });
}
