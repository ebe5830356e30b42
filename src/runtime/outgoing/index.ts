export {
  type AllowPrivate,
  createTargetRules,
  parseAllowPrivate,
  type TargetRules,
} from "./address-rules.ts";
export type { OutgoingResult } from "./exchange.ts";
export { createOutgoingHttp, type OutgoingHttp, type OutgoingRequest } from "./outgoing-http.ts";
export { isConnectionHeader } from "./request-rules.ts";
