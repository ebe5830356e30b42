export { createLogger } from "../runtime/logger.ts";
