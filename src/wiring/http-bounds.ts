import type { HttpBounds } from "../http/server/server.ts";

/** Default bounds of the HTTP server. */
export const HTTP_BOUNDS: HttpBounds = {
  connections: {
    maxConnections: 5_000,
    headersTimeoutMs: 15_000,
    requestTimeoutMs: 60_000,
    checkMs: 2_000,
    keepAliveMs: 75_000,
    inactiveMs: 120_000,
    answerMs: 60_000,
    lingerMs: 1_000,
  },
  access: {
    lookUps: { maxItems: 100, maxWaiting: 1_000, maxRemembered: 10_000, unknownMs: 1_000 },
    failures: { max: 20, windowMs: 1_000, maxAddresses: 10_000, delayMs: 1_000, maxDelayed: 2_000 },
    callsPerSecond: { max: 2_000, maxKeys: 10_000 },
  },
  keyShare: { perHolder: 4, maxWaitMs: 5_000, maxWaiting: 200 },
};
