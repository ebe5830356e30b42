import { HeadraceError } from "../../domain/errors.ts";
import { readDelivery } from "../../pipeline/receive/delivery.ts";
import { schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import { PRESETS } from "../../pipeline/receive/presets/index.ts";
import type { ParamValue, PresetSample } from "../../pipeline/receive/presets/preset.ts";
import { InboundRequest } from "../../pipeline/receive/schemes/inbound-request.ts";
import { sampleDelivery } from "../../pipeline/receive/schemes/sample-delivery.ts";
import type { Scheme } from "../../pipeline/receive/schemes/scheme.ts";
import { createVerifier, REJECTION_REASONS, type Verdict } from "../../pipeline/receive/schemes/verify.ts";
import type { Problem } from "./read-connector.ts";
import { sampleKeys } from "./sample-keys.ts";

/** An event that comes out of a sample. Null where the scheme finds no value. */
export interface SampleEvent {
  type: string | null;
  subject: string | null;
  occurred_at: string | null;
  account: string | null;
  delivery_id: string | null;
}

/** The result of trying the webhook half of a connector. */
export interface WebhookCheck {
  algorithm: Scheme["algorithm"];
  /** Whether the sample was verified, and the reason why not. */
  verified: boolean;
  events: SampleEvent[];
  /** Whether the sample is refused with a changed body, and with the signature of another secret. */
  refuses_altered_body: boolean;
  refuses_other_secret: boolean;
  problems: Problem[];
  /** Weaknesses that the scheme has by its nature. */
  notes: string[];
}

/** The body and type of a sample that replace those of the preset. */
export interface GivenSample {
  data?: unknown;
  type?: string | undefined;
}

const URL = "https://headrace.example/api/v1/webhooks/sample/acme";

/** Signs a sample as the provider would, verifies it as the receiver does, and reads its events. */
export function checkWebhook(webhook: unknown, given: GivenSample, nowMs: number): WebhookCheck {
  const { preset, params = {} } = webhook as { preset?: string; params?: Record<string, ParamValue> };
  const known = preset === undefined ? undefined : PRESETS.get(preset)?.sample;
  const sample: PresetSample = known ?? { body: {} };
  // Params that an endpoint would bring, such as the id of its webhook.
  const ofSample = Object.entries(sample.params ?? {}).filter(([name]) => !Object.hasOwn(params, name));
  const scheme = schemeOf(webhook, Object.fromEntries(ofSample));
  const { algorithm } = scheme;
  const check: WebhookCheck = {
    algorithm,
    verified: false,
    events: [],
    refuses_altered_body: false,
    refuses_other_secret: false,
    problems: [],
    notes: [],
  };
  const keys = sampleKeys(scheme);
  const deliver = (secret: string) =>
    sampleDelivery({
      scheme,
      sample,
      ...given,
      id: "sample-1",
      secret,
      method: scheme.methods[0] ?? "POST",
      url: URL,
      nowMs,
    });
  let delivery: ReturnType<typeof sampleDelivery>;
  try {
    delivery = deliver(keys.signingSecret);
  } catch (error) {
    if (!(error instanceof HeadraceError)) throw error;
    check.problems.push({ field: "webhook", message: error.message });
    return check;
  }
  const request = requestOf(scheme, delivery.headers, delivery.body);
  const verify = createVerifier(scheme, [{ value: keys.secret }]);
  const verdict = verify(request, nowMs);
  check.verified = verdict.kind === "authentic";
  if (verdict.kind === "rejected") {
    const message = `its own sample is refused: ${reasonOf(verdict)}. Compare signature, content and timestamp with the provider's documentation`;
    check.problems.push({ field: "webhook", message });
    return check;
  }
  readSample(check, scheme, request);

  const altered = Buffer.concat([delivery.body, Buffer.from("x")]);
  const other = deliver(sampleKeys(scheme).signingSecret);
  const isRefused = (headers: Record<string, string>, body: Buffer) =>
    verify(requestOf(scheme, headers, body), nowMs).kind === "rejected";
  check.refuses_altered_body = isRefused(delivery.headers, altered);
  check.refuses_other_secret = isRefused(other.headers, other.body);
  noteWeaknesses(check, scheme);
  return check;
}

function readSample(check: WebhookCheck, scheme: Scheme, request: InboundRequest): void {
  const { body, events } = readDelivery(scheme, request);
  if (body.kind !== "parsed") {
    check.problems.push({
      field: "webhook",
      message: `the body of the sample is unreadable: ${body.reason}`,
    });
    return;
  }
  check.events = events.map(({ type, subject, occurredAtMs, account, keys }) => ({
    type: type ?? null,
    subject: subject ?? null,
    occurred_at: occurredAtMs === undefined ? null : new Date(occurredAtMs).toISOString(),
    account: account ?? null,
    delivery_id: keys[0]?.key ?? null,
  }));
  if (events.length === 0) {
    const message = "the sample makes no event: items selects no list with an element in it";
    check.problems.push({ field: "webhook.scheme.items", message });
  }
  if (events.some(({ type }) => type === undefined)) {
    const message =
      "the sample has no event type: give one with --type or --data, or say where it stands in scheme.type.from";
    check.problems.push({ field: "webhook.scheme.type", message });
  }
}

function noteWeaknesses(check: WebhookCheck, scheme: Scheme): void {
  const { algorithm } = scheme;
  if (algorithm === "none") {
    check.notes.push("Nothing is verified: anyone who knows the URL can send events");
    return;
  }
  if (!check.refuses_other_secret) {
    const message = "a sample with the signature of another secret is accepted: check signature and content";
    check.problems.push({ field: "webhook.scheme.signature", message });
  }
  if (check.refuses_altered_body) return;
  const isByNature = algorithm === "token" || algorithm === "basic" || scheme.body_unsigned === true;
  const sentence = "an altered body is accepted, because the signature does not cover it";
  if (isByNature) check.notes.push(`${sentence.charAt(0).toUpperCase()}${sentence.slice(1)}`);
  else
    check.problems.push({ field: "webhook.scheme.content", message: `${sentence}: add "body" to content` });
}

function requestOf(scheme: Scheme, headers: Record<string, string>, body: Buffer): InboundRequest {
  const method = scheme.methods[0] ?? "POST";
  return new InboundRequest({ method, url: URL, rawHeaders: Object.entries(headers).flat(), body });
}

function reasonOf({ reason }: Extract<Verdict, { kind: "rejected" }>): string {
  return REJECTION_REASONS[reason];
}
