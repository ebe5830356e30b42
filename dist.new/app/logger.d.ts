export { createLogger, type Logger } from "../runtime/logger.ts";
