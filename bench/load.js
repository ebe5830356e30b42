import { connect } from "node:net";
/**
 * A closed loop: `connections` keep-alive connections, each sending its next request when the last is answered,
 * until `durationMs` is over or the requests are used up.
 */
export async function closedLoop(options) {
    const answers = [];
    const startedMs = performance.now();
    await Promise.all(Array.from({ length: options.connections }, async () => {
        const client = await openClient(options.port);
        while (performance.now() - startedMs < options.durationMs) {
            const request = options.next();
            if (request === undefined)
                break;
            answers.push(await client.send(request));
        }
        client.close();
    }));
    return { answers, elapsedMs: performance.now() - startedMs };
}
/**
 * An open loop: requests are due at a fixed rate whatever the server does, and their latency counts from when they
 * were due, so that a stall is not hidden by the load that it held up.
 */
export async function openLoop(options) {
    const { port, connections, perSecond, durationMs, next } = options;
    const idle = await Promise.all(Array.from({ length: connections }, () => openClient(port)));
    const clients = [...idle];
    const answers = [];
    const due = [];
    const startedMs = performance.now();
    const total = Math.floor((perSecond * durationMs) / 1_000);
    function pump() {
        while (due.length > 0 && idle.length > 0) {
            const client = idle.pop();
            const dueMs = due.shift();
            const answer = client.send(next(performance.timeOrigin + dueMs));
            answers.push(answer.then((got) => {
                idle.push(client);
                pump();
                return { ...got, sentAtMs: performance.timeOrigin + dueMs, latencyMs: performance.now() - dueMs };
            }));
        }
    }
    for (let sent = 0; sent < total;) {
        const now = performance.now();
        for (; sent < total && startedMs + (sent * 1_000) / perSecond <= now; sent += 1) {
            due.push(startedMs + (sent * 1_000) / perSecond);
        }
        pump();
        await new Promise((resolve) => setTimeout(resolve, 1));
    }
    while (due.length > 0)
        await new Promise((resolve) => setTimeout(resolve, 1));
    const done = await Promise.all(answers);
    for (const client of clients)
        client.close();
    return { answers: done, elapsedMs: performance.now() - startedMs };
}
async function openClient(port) {
    const socket = connect({ port, host: "127.0.0.1", noDelay: true });
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    let received = "";
    let settle;
    socket.setEncoding("latin1");
    socket.on("data", (chunk) => {
        received += chunk;
        const answer = wholeAnswer(received);
        if (answer === undefined)
            return;
        received = "";
        settle?.resolve(answer);
    });
    const fail = () => settle?.reject(new Error("the connection was closed"));
    socket.on("close", fail);
    socket.on("error", fail);
    return {
        async send(request) {
            const startedMs = performance.now();
            const answer = new Promise((resolve, reject) => {
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
/** The answer once its body is there, by its Content-Length. */
function wholeAnswer(received) {
    const headEnd = received.indexOf("\r\n\r\n");
    if (headEnd === -1)
        return undefined;
    const length = /\r\ncontent-length: (\d+)/i.exec(received.slice(0, headEnd + 2));
    return received.length >= headEnd + 4 + Number(length?.[1] ?? 0) ? received : undefined;
}
/** The value below which the given share of the values lies. */
export function percentile(values, share) {
    const sorted = [...values].sort((left, right) => left - right);
    return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}
