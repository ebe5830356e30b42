import { createServer } from "node:net";
/** Ports that nobody listened on a moment ago, all different. */
export async function freePorts(count) {
    const servers = Array.from({ length: count }, () => createServer());
    const ports = await Promise.all(servers.map((server) => new Promise((resolve) => {
        server.listen(0, "127.0.0.1", () => resolve(server.address().port));
    })));
    await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
    return ports;
}
