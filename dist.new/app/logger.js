export { createLogger } from "../runtime/logger.js";
//# sourceMappingURL=logger.js.map