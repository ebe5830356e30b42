import pino, {} from "pino";
/** Fields that may hold a secret wherever they stand in a logged object; their values never reach a line. */
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
/** One JSON line an entry on standard output, secrets redacted. Payloads are never logged, so none is redacted. */
export function createLogger(level, destination) {
    const options = {
        level,
        base: null,
        timestamp: pino.stdTimeFunctions.isoTime,
        formatters: { level: (label) => ({ level: label }) },
        redact: { paths: REDACTED, censor: "[redacted]" },
    };
    return destination === undefined ? pino(options) : pino(options, destination);
}
//# sourceMappingURL=logger.js.map