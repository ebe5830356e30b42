import { createServer } from "node:http";
/** A flow's target on 127.0.0.1 that keeps every call; `answer` gives the status of each, 200 unless told. */
export async function startSink(answer = () => 200) {
    const calls = [];
    const server = createServer(async (request, response) => {
        const call = await readCall(request);
        response.writeHead(answer(call, calls.push(call))).end();
    });
    await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
    return {
        url: `http://127.0.0.1:${server.address().port}/`,
        calls,
        async close() {
            server.closeAllConnections();
            await new Promise((resolve) => server.close(resolve));
        },
    };
}
async function readCall(request) {
    const chunks = [];
    for await (const chunk of request)
        chunks.push(chunk);
    return {
        idempotencyKey: String(request.headers["idempotency-key"]),
        event: JSON.parse(Buffer.concat(chunks).toString()),
    };
}
