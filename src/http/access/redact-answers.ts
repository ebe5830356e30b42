import type { FastifyInstance } from "fastify";
import { redactCredentials } from "../../domain/credentials.ts";

/** Routes that answer with definitions, whose URLs and headers may hold credentials that were written out. */
const DEFINITIONS = /\/(connectors|connections|endpoints|flows|sources|policy|alerts)(\/:[a-z_]+)*$/;

/** Redacts credentials in the definitions that a key with scope `read` gets; keys that may write see what they wrote. */
export function redactForReadKeys(server: FastifyInstance): void {
  server.addHook("preSerialization", async (request, _reply, payload) =>
    request.apiKey?.scope === "read" && DEFINITIONS.test(request.routeOptions.url ?? "")
      ? redactCredentials(payload)
      : payload,
  );
}
