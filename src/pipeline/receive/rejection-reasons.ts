import type { Reason } from "./receiver.ts";
import { REJECTION_REASONS } from "./schemes/verify.ts";

/** The meaning of each reason, for the operator. The sender gets the same 401 for all of them. */
export const REASONS: Readonly<Record<Reason | "rate_limited", string>> = {
  ...REJECTION_REASONS,
  unknown_endpoint: "There is no such tenant, connector or endpoint",
  disabled: "The endpoint is disabled",
  no_delivery: "The request is authentic, but neither a delivery nor a handshake of the scheme",
  rate_limited: "The delivery is authentic, but over the limits of the tenant",
  wrong_account: "The delivery names no account, or not the account of the endpoint",
};
