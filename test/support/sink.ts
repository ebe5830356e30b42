import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { onTestFinished } from "vitest";

/** One call received by a flow's target. */
export interface SinkCall {
  idempotencyKey: string;
  /** The body of the CloudEvent. */
  event: { id: string; type: string; data: unknown };
}

/**
 * A flow's target on 127.0.0.1 that keeps every call, closed when the test ends. `answer` returns the status for a
 * call, 200 by default.
 */
export async function startSink(answer: (call: SinkCall, number: number) => number = () => 200): Promise<{
  url: string;
  calls: SinkCall[];
}> {
  const calls: SinkCall[] = [];
  const server = createServer(async (request, response) => {
    const call = await readCall(request);
    response.writeHead(answer(call, calls.push(call))).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`, calls };
}

async function readCall(request: IncomingMessage): Promise<SinkCall> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return {
    idempotencyKey: String(request.headers["idempotency-key"]),
    event: JSON.parse(Buffer.concat(chunks).toString()),
  };
}
