import type { HeadraceError } from "../../../domain/errors.ts";
import type { KnownEndpoint } from "../endpoint-cache.ts";
import { answerSignedChallenge, answerUnsignedChallenge, type ChallengeAnswer } from "./challenge.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import type { RejectionReason } from "./verify.ts";

export type Judgement =
  | { kind: "rejected"; reason: RejectionReason | "unknown_endpoint" | "disabled" | "no_delivery" }
  | { kind: "method_not_allowed"; allowed: string[] }
  | ({ kind: "challenge" } & ChallengeAnswer)
  /** It cannot be verified now: a secret of the endpoint does not open. */
  | { kind: "unopened"; error: HeadraceError }
  /** To be committed. `bySecret` says which secret signed it: 0 is the newest. */
  | { kind: "delivery"; bySecret: number };

/**
 * What a request to an endpoint is: a handshake that nobody signs, else what its signature and age make of it. The
 * signature is looked at also where the answer is known before, so that the time does not tell why.
 */
export function judge(endpoint: KnownEndpoint, request: InboundRequest, nowMs: number): Judgement {
  const { scheme, closed } = endpoint;
  const isDelivery = scheme.methods.some((method) => method === request.method);
  if (!isDelivery && !methodsOf(scheme).includes(request.method)) {
    return { kind: "method_not_allowed", allowed: methodsOf(scheme) };
  }
  const mayBeHandshake = scheme.challenges.length > 0;
  if (mayBeHandshake && closed === undefined) {
    const unsigned = answerUnsignedChallenge(scheme, request, endpoint.pending);
    if (unsigned !== undefined) return { kind: "challenge", ...unsigned };
  }
  const verdict = endpoint.verify(request, nowMs);
  if (closed !== undefined) return { kind: "rejected", reason: closed };
  if (verdict.kind === "rejected") {
    const { unopened } = endpoint;
    return unopened === undefined ? verdict : { kind: "unopened", error: unopened };
  }
  const bySecret = verdict.secretIndex ?? 0;
  if (mayBeHandshake) {
    const signed = answerSignedChallenge(scheme, request, (text) => endpoint.hmacHex(bySecret, text));
    if (signed !== undefined) return { kind: "challenge", ...signed };
  }
  return isDelivery ? { kind: "delivery", bySecret } : { kind: "rejected", reason: "no_delivery" };
}

function methodsOf({ methods, challenges }: Scheme): string[] {
  return [...new Set([...methods, ...challenges.map(({ method = "POST" }) => method)])];
}
