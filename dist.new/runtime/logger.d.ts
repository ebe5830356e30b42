import { type DestinationStream, type Logger } from "pino";
export type { Logger } from "pino";
/** One JSON line an entry on standard output, secrets redacted. Payloads are never logged, so none is redacted. */
export declare function createLogger(level: string, destination?: DestinationStream): Logger;
