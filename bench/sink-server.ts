import { createServer } from "node:http";

/** A flow's target that accepts every call and does nothing. Runs as a separate process with PORT. */
const server = createServer((request, response) => {
  request.resume().on("end", () => response.writeHead(204).end());
});
server.keepAliveTimeout = 60_000;
server.listen(Number(process.env["PORT"]), "127.0.0.1");
