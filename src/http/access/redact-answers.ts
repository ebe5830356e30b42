import type { FastifyInstance } from "fastify";
import { redactCredentials } from "../../domain/credentials.ts";

/** Routes that return definitions, whose URLs and headers may contain literal credentials. */
const DEFINITIONS = /\/(connectors|connections|endpoints|flows|sources|policy|alerts)(\/:[a-z_]+)*$/;

/** Redacts credentials in the definitions that keys with scope `read` get. Keys that may write see them in full. */
export function redactForReadKeys(server: FastifyInstance): void {
  server.addHook("preSerialization", async (request, _reply, payload) =>
    request.apiKey?.scope === "read" && DEFINITIONS.test(request.routeOptions.url ?? "")
      ? redactCredentials(payload)
      : payload,
  );
}
