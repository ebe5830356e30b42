import { connect, type Socket } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import { keepNewObjectsYoung, setHeapGrowth } from "../src/runtime/heap.ts";
import { collectGarbage } from "./garbage.ts";

/** One request as raw bytes, and its name in the results. */
export interface PreparedRequest {
  name: string;
  bytes: Buffer;
}

export interface Answered {
  name: string;
  status: number;
  /** The whole response. Event ids are read from it afterwards, so that the load generator stays cheap. */
  body: string;
  sentAtMs: number;
  latencyMs: number;
}

export interface LoadResult {
  answers: Answered[];
  elapsedMs: number;
}

/**
 * A closed loop: `connections` keep-alive connections, each sending its next request when the last is answered,
 * until `durationMs` is over or the requests are used up.
 */
export async function closedLoop(options: {
  port: number;
  connections: number;
  durationMs: number;
  next: () => PreparedRequest | undefined;
}): Promise<LoadResult> {
  const answers: Answered[] = [];
  const { elapsedMs } = await loop(options, (answer) => answers.push(answer));
  return { answers, elapsedMs };
}

/** The same closed loop, which counts responses without keeping them, for the fastest measurements. */
export async function countingLoop(
  options: Parameters<typeof closedLoop>[0] & { isGood: (answer: Answered) => boolean },
): Promise<{ good: number; bad: Answered | undefined; elapsedMs: number }> {
  let good = 0;
  let bad: Answered | undefined;
  const { elapsedMs } = await loop(options, (answer) => {
    if (options.isGood(answer)) good += 1;
    else bad ??= answer;
  });
  return { good, bad, elapsedMs };
}

async function loop(
  options: Parameters<typeof closedLoop>[0],
  take: (answer: Answered) => void,
): Promise<{ elapsedMs: number }> {
  const startedMs = performance.now();
  await Promise.all(
    Array.from({ length: options.connections }, async () => {
      const client = await openClient(options.port);
      while (performance.now() - startedMs < options.durationMs) {
        const request = options.next();
        if (request === undefined) break;
        take(await client.send(request));
      }
      client.close();
    }),
  );
  return { elapsedMs: performance.now() - startedMs };
}

/**
 * An open loop: requests are due at a fixed rate regardless of the server, and latency counts from the due time, so
 * that a stall is not hidden by the requests it delays.
 */
export async function openLoop(options: {
  port: number;
  connections: number;
  perSecond: number;
  durationMs: number;
  next: (dueAtMs: number) => PreparedRequest;
}): Promise<LoadResult> {
  const { port, connections, perSecond, durationMs, next } = options;
  const idle = await Promise.all(Array.from({ length: connections }, () => openClient(port)));
  const clients = [...idle];
  // A collection of this process would count as latency. So garbage of the preparation is collected first, and the heap
  // may grow.
  setHeapGrowth(1_000);
  keepNewObjectsYoung();
  collectGarbage();
  const answers: Promise<Answered>[] = [];
  const due: number[] = [];
  const startedMs = performance.now();
  const total = Math.floor((perSecond * durationMs) / 1_000);

  function pump(): void {
    while (due.length > 0 && idle.length > 0) {
      const client = idle.pop() as Client;
      const dueMs = due.shift() as number;
      const answer = client.send(next(performance.timeOrigin + dueMs));
      answers.push(
        answer.then((got) => {
          idle.push(client);
          pump();
          return { ...got, sentAtMs: performance.timeOrigin + dueMs, latencyMs: performance.now() - dueMs };
        }),
      );
    }
  }
  for (let sent = 0; sent < total; ) {
    const now = performance.now();
    for (; sent < total && startedMs + (sent * 1_000) / perSecond <= now; sent += 1) {
      due.push(startedMs + (sent * 1_000) / perSecond);
    }
    pump();
    await delay(1);
  }
  while (due.length > 0) await delay(1);
  const done = await Promise.all(answers);
  for (const client of clients) client.close();
  return { answers: done, elapsedMs: performance.now() - startedMs };
}

interface Client {
  send(request: PreparedRequest): Promise<Answered>;
  close(): void;
}

async function openClient(port: number): Promise<Client> {
  const socket: Socket = connect({ port, host: "127.0.0.1", noDelay: true });
  await new Promise<void>((resolve, reject) => socket.once("connect", resolve).once("error", reject));
  let received = "";
  let settle: { resolve: (text: string) => void; reject: (error: Error) => void } | undefined;
  socket.setEncoding("latin1");
  socket.on("data", (chunk: string) => {
    received += chunk;
    const answer = wholeAnswer(received);
    if (answer === undefined) return;
    received = "";
    settle?.resolve(answer);
  });
  const fail = () => settle?.reject(new Error("the connection was closed"));
  socket.on("close", fail);
  socket.on("error", fail);
  return {
    async send(request) {
      const startedMs = performance.now();
      const answer = new Promise<string>((resolve, reject) => {
        settle = { resolve, reject };
      });
      socket.write(request.bytes);
      const text = await answer;
      return {
        name: request.name,
        status: Number(text.slice(9, 12)),
        body: text.slice(text.indexOf("\r\n\r\n") + 4),
        sentAtMs: performance.timeOrigin + startedMs,
        latencyMs: performance.now() - startedMs,
      };
    },
    close: () => socket.destroy(),
  };
}

/** The response once its body is complete by its Content-Length. */
function wholeAnswer(received: string): string | undefined {
  const headEnd = received.indexOf("\r\n\r\n");
  if (headEnd === -1) return undefined;
  const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, headEnd + 2));
  return received.length >= headEnd + 4 + Number(length?.[1] ?? 0) ? received : undefined;
}

/** The quantile of the values for the given share. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
