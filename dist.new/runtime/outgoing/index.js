export { parseAllowPrivate } from "./address-rules.js";
export { createOutgoingHttp, } from "./outgoing-http.js";
export { flawOfUrl, isConnectionHeader, OUTGOING_METHODS } from "./request-rules.js";
export { retryAfterMs } from "./retry-after.js";
//# sourceMappingURL=index.js.map