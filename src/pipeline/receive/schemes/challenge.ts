import { createHash, timingSafeEqual } from "node:crypto";
import { mediaTypeOf } from "../../../domain/event/body.ts";
import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme, Selector } from "./scheme.ts";
import { firstValue } from "./selector.ts";

/** The response to a handshake or ping. */
export interface ChallengeAnswer {
  status: number;
  contentType: string | undefined;
  headers: Record<string, string>;
  body: string;
  /** The secret from the handshake, which becomes the endpoint's if it has none yet. */
  capture?: { value: string; show: boolean };
}

/**
 * Returns the answer to an unsigned handshake. Undefined if the request is no handshake, or if its proof fails: the
 * token of the scheme, or that the endpoint has no secret yet.
 */
export function answerUnsignedChallenge(
  scheme: Scheme,
  request: InboundRequest,
  isPending: boolean,
): ChallengeAnswer | undefined {
  return answer(scheme, request, (proof) => {
    if (proof === "none") return true;
    if (proof === "pending") return isPending;
    if (proof === "signature") return false;
    const token = firstValue([proof.token], request)?.value;
    return token !== undefined && timingSafeEqual(sha256(token), sha256(proof.equals));
  });
}

/** Returns the answer to a check of the URL by HEAD or GET, if the scheme answers these. */
export function answerProbe(
  { probe, methods }: Scheme,
  { method }: InboundRequest,
): ChallengeAnswer | undefined {
  const isProbe = method === "HEAD" || (method === "GET" && !methods.includes("GET"));
  return probe === true && isProbe
    ? { status: 200, contentType: undefined, headers: {}, body: "" }
    : undefined;
}

/** Returns the answer to an authentic handshake or ping. Undefined if the request is a delivery. */
export function answerSignedChallenge(
  scheme: Scheme,
  request: InboundRequest,
  hmacHex: (text: string) => string | undefined,
): ChallengeAnswer | undefined {
  return answer(scheme, request, (proof) => proof === "signature", hmacHex);
}

type Challenge = Scheme["challenges"][number];

function answer(
  scheme: Scheme,
  request: InboundRequest,
  isProved: (proof: Challenge["proof"]) => boolean,
  hmacHex: (text: string) => string | undefined = () => undefined,
): ChallengeAnswer | undefined {
  // A signed handshake is recognised only after its signature was verified: its selectors may read the body.
  const challenge = scheme.challenges.find((one) => isProved(one.proof) && isMeant(one, request));
  if (challenge === undefined) return undefined;
  const { status, content_type: contentType, headers = {}, text, json } = challenge.answer;
  const echo = (selector: Selector) => {
    const value = firstValue([selector], request)?.value;
    return value !== undefined && value.length <= MAX_ECHO_CHARS ? value : undefined;
  };
  const body =
    text !== undefined
      ? echo(text)
      : json === undefined
        ? ""
        : jsonOf(json, (part) => {
            if (!("hmac_hex" in part)) return echo(part);
            const signed = echo(part.hmac_hex);
            return signed === undefined ? undefined : hmacHex(signed);
          });
  const echoed = Object.entries(headers).map(([name, selector]) => [name, headerValue(echo(selector))]);
  const secret = challenge.capture && echo(challenge.capture.from);
  const isWhole = body !== undefined && echoed.every(([, value]) => value !== undefined);
  if (!isWhole || (challenge.capture !== undefined && secret === undefined)) return undefined;
  return {
    status,
    contentType,
    headers: Object.fromEntries(echoed),
    body,
    ...(secret !== undefined && { capture: { value: secret, show: challenge.capture?.show ?? false } }),
  };
}

/** Returns the value if an HTTP header can carry it. */
function headerValue(value: string | undefined): string | undefined {
  return value !== undefined && /^[\t\x20-\x7e\x80-\xff]*$/.test(value) ? value : undefined;
}

/** The longest echoed value. Microsoft Graph's tokens, the longest known, have some hundred characters. */
const MAX_ECHO_CHARS = 4_096;

function isMeant({ when, method = "POST" }: Challenge, request: InboundRequest): boolean {
  if (method !== request.method) return false;
  return when.every(({ at, equals }) => {
    const value = firstValue([at], request)?.value;
    if (value === undefined || equals === undefined) return value !== undefined;
    const isType = "header" in at && at.header.toLowerCase() === "content-type";
    return isType ? mediaTypeOf(value) === mediaTypeOf(equals) : value === equals;
  });
}

function jsonOf<Part>(
  parts: Record<string, Part>,
  read: (part: Part) => string | undefined,
): string | undefined {
  const members = Object.entries(parts).map(([name, part]) => [name, read(part)] as const);
  return members.every(([, value]) => value !== undefined)
    ? JSON.stringify(Object.fromEntries(members))
    : undefined;
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
