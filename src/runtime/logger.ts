import pino, { type DestinationStream, type Logger } from "pino";

export type { Logger } from "pino";

/** Fields that may hold a secret, up to three levels deep in a logged object. */
const REDACTED = [
  "authorization",
  "cookie",
  "password",
  "secret",
  "secrets",
  "token",
  "credentials",
  "signing_secret",
  "admin_key",
  "encryption_keys",
].flatMap((field) => [field, `*.${field}`, `*.*.${field}`]);

/** Creates a logger that writes one JSON line per entry to standard output, with secrets redacted. */
export function createLogger(level: string, destination?: DestinationStream): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    serializers: { err: describeError },
    redact: { paths: REDACTED, censor: "[redacted]" },
  };
  return destination === undefined ? pino(options) : pino(options, destination);
}

/** Describes an error as pino does, but omits the command that Redis refused: its arguments may be a password. */
function describeError(error: Error): unknown {
  const described = pino.stdSerializers.err(error);
  if (typeof described !== "object" || described === null) return described;
  const { command: _, lastNodeError: __, ...rest } = described as unknown as Record<string, unknown>;
  return rest;
}
