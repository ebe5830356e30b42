import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

/** One call that a flow's target got. */
export interface SinkCall {
  idempotencyKey: string;
  /** The body of the CloudEvent. */
  event: { id: string; type: string; data: unknown };
}

/** A flow's target on 127.0.0.1 that keeps every call; `answer` gives the status of each, 200 unless told. */
export async function startSink(answer: (call: SinkCall, number: number) => number = () => 200): Promise<{
  url: string;
  calls: SinkCall[];
  close(): Promise<void>;
}> {
  const calls: SinkCall[] = [];
  const server = createServer(async (request, response) => {
    const call = await readCall(request);
    response.writeHead(answer(call, calls.push(call))).end();
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    calls,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function readCall(request: IncomingMessage): Promise<SinkCall> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return {
    idempotencyKey: String(request.headers["idempotency-key"]),
    event: JSON.parse(Buffer.concat(chunks).toString()),
  };
}
