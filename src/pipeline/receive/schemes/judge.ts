import type { HeadraceError } from "../../../domain/errors.ts";
import type { KnownEndpoint } from "../endpoint-cache.ts";
import {
  answerProbe,
  answerSignedChallenge,
  answerUnsignedChallenge,
  type ChallengeAnswer,
} from "./challenge.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
import type { RejectionReason } from "./verify.ts";

/** The result of checking a request against an endpoint. */
export type Judgement =
  | { kind: "rejected"; reason: RejectionReason | "unknown_endpoint" | "disabled" | "no_delivery" }
  | { kind: "method_not_allowed"; allowed: string[] }
  | ({ kind: "challenge" } & ChallengeAnswer)
  /** Not verifiable now: a secret of the endpoint cannot be decrypted. */
  | { kind: "undecryptable"; error: HeadraceError }
  /** To be committed. `secretIndex` is the secret that signed it: 0 is the newest. */
  | { kind: "delivery"; secretIndex: number };

/**
 * Judges a request to an endpoint: an unsigned handshake first, then signature and age. The signature is also checked
 * if the result is already known, so that the response time does not reveal the reason.
 */
export function judge(endpoint: KnownEndpoint, request: InboundRequest, nowMs: number): Judgement {
  const { scheme, closed } = endpoint;
  const probe = answerProbe(scheme, request);
  if (probe !== undefined) return { kind: "challenge", ...probe };
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
    const { decryptionError } = endpoint;
    return decryptionError === undefined ? verdict : { kind: "undecryptable", error: decryptionError };
  }
  const secretIndex = verdict.secretIndex ?? 0;
  if (mayBeHandshake) {
    const signed = answerSignedChallenge(scheme, request, (text) => endpoint.hmacHex(secretIndex, text));
    if (signed !== undefined) return { kind: "challenge", ...signed };
  }
  return isDelivery ? { kind: "delivery", secretIndex } : { kind: "rejected", reason: "no_delivery" };
}

function methodsOf({ methods, challenges, probe }: Scheme): string[] {
  const probes = probe === true ? ["GET", "HEAD"] : [];
  return [...new Set([...methods, ...challenges.map(({ method = "POST" }) => method), ...probes])];
}
