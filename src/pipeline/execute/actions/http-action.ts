import assert from "node:assert";
import { validateHeaderName, validateHeaderValue } from "node:http";
import type { ErrorDetail } from "../../../domain/errors.ts";
import { isFatalStatus } from "../../../domain/flow/fatal-status.ts";
import type { RunAction, RunAttempt } from "../../../domain/flow/flow-run.ts";
import type { Outcome } from "../../../domain/flow/outcome.ts";
import { stringifySlices } from "../../../domain/json/stringify-slices.ts";
import type { Slices } from "../../../domain/slices.ts";
import { type JsonTexts, renderAction } from "../../../domain/template/action.ts";
import { MAX_HEADER_LENGTH } from "../../../domain/template/render.ts";
import { scopeOf, valueAt } from "../../../domain/template/scope.ts";
import { requestedWaitMs } from "../../../domain/waits/read-wait.ts";
import type { Clock } from "../../../runtime/clock.ts";
import {
  isConnectionHeader,
  type OutgoingHttp,
  type OutgoingRequest,
  type OutgoingResult,
} from "../../../runtime/outgoing/index.ts";
import { inTurns } from "../../../runtime/turns.ts";
import type { TargetResult } from "../breakers.ts";
import { templatesOf } from "./action-templates.ts";
import { CLOUD_EVENT_TYPE, cloudEvent } from "./cloud-event.ts";
import { signOutgoing } from "./sign-outgoing.ts";
import type { Targets } from "./targets.ts";

/**
 * How long a target may take, ms. Heartbeats extend the run's lease, so the limit comes from the slot that the run uses
 * and from the drain of a stopping process. Standard Webhooks recommends 15 to 30 s; in less than 100 ms a TLS handshake
 * has no chance.
 */
const HTTP_TIMEOUT_MS = { default: 10_000, min: 100, max: 30_000 } as const;

/** Bytes read of a response. It is read so that the connection can be reused, and then dropped. */
const MAX_RESPONSE_BYTES = 262_144;

/**
 * Sends a signed request: the event as a CloudEvent, or the flow's own body (`application/json` unless its headers say
 * otherwise). GET and HEAD have no body. URL, headers and body are templates; if a value is missing or does not fit, the
 * run is a dead letter and nothing is sent. 2xx succeeds, however its body ends. Network errors and statuses that are
 * not fatal to the flow (see `isFatalStatus`) are retried, no sooner than the target asks for. A fatal status (redirects
 * too, which are not followed) and a forbidden target make the run a dead letter. Only the status of the response is
 * kept: its body may repeat the event's values, which would outlive the event's erasure. A run whose target may not be
 * called now is held.
 */
export function createHttpAction(deps: {
  outgoing: OutgoingHttp;
  clock: Clock;
  targets: Targets;
}): RunAction {
  const { outgoing, clock, targets } = deps;
  return async (run) => {
    const isLarge = run.event.dataText !== undefined;
    const unsigned = requestOf(run, clock.now(), isLarge ? await inTurns(jsonTexts(run)) : undefined);
    if ("kind" in unsigned) return unsigned;
    const request = await signed(unsigned);
    // An invalid URL is refused below, with its reason.
    const target = URL.canParse(request.url) ? new URL(request.url).origin : "";
    const turn = await targets.acquire({ tenantId: run.tenantId, target });
    if (turn.kind === "held") return turn;
    const result = await outgoing.request({ ...request, owner: run.tenantId });
    const outcome = outcomeOf(result, run.definition.retry.fatal_statuses, clock.now());
    turn.release(targetResultOf(result, outcome));
    return target !== "" && (outcome.kind === "retry" || outcome.kind === "dead")
      ? { ...outcome, target }
      : outcome;
  };
}

/** Returns the headers that are malformed or that a flow may not set, each with its reason. */
export function checkActionHeaders(headers: Readonly<Record<string, string>>): ErrorDetail[] {
  const entries = Object.entries(headers);
  const bytes = entries.reduce((sum, [name, value]) => sum + name.length + value.length, 0);
  if (bytes > MAX_HEADER_LENGTH) {
    const expected = `at most ${MAX_HEADER_LENGTH} characters in all`;
    return [{ field: "action.headers", expected, got: `${bytes} characters` }];
  }
  return entries.flatMap(([name, value]) => {
    const message = flawOfHeader(name, value);
    return message === undefined ? [] : [{ field: `action.headers.${name}`, message }];
  });
}

function flawOfHeader(name: string, value: string): string | undefined {
  try {
    validateHeaderName(name);
  } catch {
    return "is not a header name";
  }
  if (isOurs(name.toLowerCase())) return "is set by Headrace";
  try {
    validateHeaderValue(name, value);
  } catch {
    return "holds a character that a header cannot";
  }
  return undefined;
}

const SIGNED_HEADERS = new Set(["idempotency-key", "webhook-id", "webhook-timestamp", "webhook-signature"]);

function isOurs(name: string): boolean {
  return SIGNED_HEADERS.has(name) || isConnectionHeader(name);
}

/** A request before it is signed. */
interface UnsignedRequest {
  request: OutgoingRequest & { body: Buffer };
  id: string;
  nowMs: number;
  secrets: string[];
}

async function signed({ request, id, nowMs, secrets }: UnsignedRequest): Promise<OutgoingRequest> {
  const { body } = request;
  const signature = await inTurns(signOutgoing({ id, nowMs, body, secrets }));
  return { ...request, headers: { ...request.headers, ...signature } };
}

/** Stringifies the long values of a large event that its action's body uses. */
function* jsonTexts({ definition: { action }, ...run }: RunAttempt): Slices<JsonTexts> {
  const texts = new Map<unknown, string>();
  const read = action.type === "http" ? templatesOf(action) : undefined;
  const scope = scopeOf({ definition: { action }, ...run } as RunAttempt);
  for (const part of read?.kind === "read" ? (read.templates.body ?? []) : []) {
    if (typeof part === "string") continue;
    const value = valueAt(part.placeholder, scope);
    const isLong = typeof value === "string" ? value.length > LONG_TEXT : typeof value === "object";
    if (isLong && !texts.has(value)) texts.set(value, yield* stringifySlices(value));
  }
  return texts;
}

/** Characters from which a text is stringified in slices. */
const LONG_TEXT = 65_536;

/** Builds the request of a run, or the outcome if there is none. */
function requestOf(run: RunAttempt, nowMs: number, texts: JsonTexts | undefined): UnsignedRequest | Outcome {
  const { definition, event, runId, idempotencyKey, signingSecret, formerSecret: former, lease } = run;
  const { action } = definition;
  assert(action.type === "http", "the executor gives an action its own kind of run");
  const read = templatesOf(action);
  if (read.kind === "flawed") {
    const sentences = read.details.map(({ field, message }) => `${field} ${message}`);
    return { kind: "dead", error: { code: "TEMPLATE_FLAWED", message: sentences.join("; ") } };
  }
  const rendered = renderAction(read.templates, scopeOf(run), texts);
  if (rendered.kind === "failed") return { kind: "dead", error: rendered.error };
  const { method = "POST", timeout_ms = HTTP_TIMEOUT_MS.default } = action;
  const { url, headers, body: own } = rendered.action;
  const hasBody = method !== "GET" && method !== "HEAD";
  const body = !hasBody ? NO_BODY : own === undefined ? cloudEvent(event, runId) : Buffer.from(own);
  const secrets = [signingSecret, ...(former !== undefined && former.untilMs > nowMs ? [former.value] : [])];
  const contentType = action.body === undefined ? CLOUD_EVENT_TYPE : "application/json";
  const request = {
    url,
    method,
    headers: {
      ...(hasBody ? { "content-type": contentType } : {}),
      ...ownHeaders(headers),
      "idempotency-key": idempotencyKey,
    },
    body,
    timeoutMs: Math.min(Math.max(timeout_ms, HTTP_TIMEOUT_MS.min), HTTP_TIMEOUT_MS.max),
    maxResponseBytes: MAX_RESPONSE_BYTES,
    statusDecides: true,
    signal: lease.signal,
  };
  return { request, id: runId, nowMs, secrets };
}

const NO_BODY = Buffer.alloc(0);

function ownHeaders(headers: Readonly<Record<string, string>>): Record<string, string> {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value] as const);
  return Object.fromEntries(named.filter(([name]) => !isOurs(name)));
}

function outcomeOf(result: OutgoingResult, listed: number[] | undefined, nowMs: number): Outcome {
  if (result.kind !== "response") {
    const { kind, code, message } = result;
    return { kind: kind === "refused" ? "dead" : "retry", error: { code, message } };
  }
  const { status, headers } = result;
  if (status >= 200 && status < 300) return { kind: "done", responseStatus: status };
  const error = { code: "HTTP_STATUS", message: `The target answered ${status}${noteOn(status)}` };
  const delayMs = requestedWaitMs(status, headers, nowMs);
  if (isFatalStatus(status, { asksToWait: delayMs !== undefined, listed })) {
    return { kind: "dead", error, responseStatus: status };
  }
  // With `Retry-After: 0` the flow's own back-off applies.
  return { kind: "retry", error, responseStatus: status, ...(delayMs ? { delayMs } : {}) };
}

/** Returns the result for the target's breaker. Undefined if the call failed on our side. */
function targetResultOf(result: OutgoingResult, outcome: Outcome): TargetResult | undefined {
  if (result.kind === "refused") return undefined;
  if (result.kind === "failed" && (result.code === "ABORTED" || result.code === "OVERLOADED"))
    return undefined;
  if (outcome.kind !== "retry" || concernsOneRequest(result, outcome)) return { kind: "reached" };
  const isTimeout = result.kind === "failed" && result.code === "TIMEOUT";
  return { kind: "failed", error: outcome.error.message, isTimeout, retryAfterMs: outcome.delayMs };
}

/** A 401 or 404 on one path, for example, must not hold the flows that call other paths of the target. */
function concernsOneRequest(result: OutgoingResult, outcome: Outcome & { kind: "retry" }): boolean {
  if (result.kind !== "response" || result.status >= 500) return false;
  const isLimit = result.status === 403 && outcome.delayMs !== undefined;
  return !isLimit && !LOADED.has(result.status);
}

/** The statuses below 500 of a target that is overloaded. */
const LOADED = new Set([408, 425, 429]);

function noteOn(status: number): string {
  if (status === 410) return ": it is gone for good";
  return status < 400 ? ", a redirect, which is not followed" : "";
}
