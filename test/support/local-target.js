import { createServer } from "node:http";
import { createServer as createTcpServer } from "node:net";
import { onTestFinished } from "vitest";
/** Serves HTTP on a free port of 127.0.0.1, or on the port and address given. */
export function serve(handle, { port = 0, host = "127.0.0.1" } = {}) {
    return listen(createServer(handle), port, host);
}
/** Serves raw bytes: `answer` is called when a connection's first bytes have come. */
export function serveRaw(answer) {
    return listen(createTcpServer((socket) => socket.once("data", () => answer(socket))), 0, "127.0.0.1");
}
async function listen(server, port, host) {
    await new Promise((resolve) => server.listen(port, host, resolve));
    const address = server.address();
    const open = new Set();
    const target = {
        url: `http://${host}:${address.port}`,
        port: address.port,
        connected: 0,
        open,
        async close() {
            for (const socket of open)
                socket.destroy();
            await new Promise((resolve) => server.close(resolve));
        },
    };
    server.on("connection", (socket) => {
        target.connected += 1;
        open.add(socket);
        socket.on("error", () => { });
        socket.on("close", () => open.delete(socket));
    });
    onTestFinished(() => target.close());
    return target;
}
