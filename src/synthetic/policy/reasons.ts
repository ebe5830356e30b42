import type { PollPair } from "./poll-policy.ts";

/** The components of a wait. Times are seconds, rates changes per second. */
export type Reasons = Failure | Decision;

interface Failure {
  kind: "failed";
  waitS: number;
  limited: boolean;
  /** Whether the provider sent a Retry-After. */
  retryAfterSent: boolean;
  failures: number;
}

interface Decision {
  kind: "decided";
  waitS: number;
  /** The wait before the pair's own limits. */
  idealS: number;
  rateNow: number;
  /** Activity of this hour relative to an average one. */
  shapeNow: number;
  /** Current rate relative to the habit of this hour. */
  burst: number;
  /** Factor on the price under a tight rate limit. */
  dearer: number;
}

/** Returns the reasons for the time of the next poll, in sentences. The first states the time. */
export function explain(pair: PollPair, why: Reasons | undefined): string[] {
  if (why === undefined) return ["It has not been polled yet."];
  const reasons = why.kind === "failed" ? afterFailure(why) : afterDecision(pair, why);
  return [`The next poll comes ${duration(why.waitS)} after the last.`, ...reasons];
}

function afterFailure({ limited, retryAfterSent, failures }: Failure): string[] {
  const count = failures === 1 ? "The last poll" : `The last ${failures} polls`;
  return [
    limited
      ? `${count} hit the provider's rate limit.`
      : `${count} failed; each further failure doubles the wait.`,
    ...(retryAfterSent ? ["The provider sent a Retry-After."] : []),
  ];
}

function afterDecision(pair: PollPair, why: Decision): string[] {
  const { rateNow, shapeNow, burst, dearer, idealS } = why;
  const perHour = rateNow * 3_600;
  const often =
    perHour >= 1 ? `${round(perHour)} times an hour` : `once in ${duration(1 / Math.max(rateNow, 1e-9))}`;
  const reasons: [boolean, string][] = [
    [true, `It is expected to change ${often} now.`],
    [shapeNow >= 1.25, `This hour of its week is ${round(shapeNow)} times as busy as an average one.`],
    [shapeNow <= 0.8, `This hour of its week is quiet: ${percent(shapeNow)} of an average one.`],
    [burst >= 1.5, `A burst seems to be under way: ${round(burst)} times as many changes as usual.`],
    [burst <= 0.7, `It is calmer than usual: ${percent(burst)} of its changes.`],
    [dearer >= 1.05, "The provider's rate limit is tight: all sources that share it are polled less often."],
    [idealS < pair.minInterval, `The minimum interval of ${duration(pair.minInterval)} applies.`],
    [idealS >= pair.maxInterval, `The maximum interval of ${duration(pair.maxInterval)} is reached.`],
  ];
  return reasons.filter(([holds]) => holds).map(([, sentence]) => sentence);
}

function percent(share: number): string {
  return `${Math.max(1, Math.round(share * 100))} %`;
}

function round(value: number): string {
  return value >= 10 ? String(Math.round(value)) : value.toFixed(1);
}

function duration(seconds: number): string {
  if (seconds < 100) return `${Math.round(seconds)} s`;
  if (seconds < 6_000) return `${Math.round(seconds / 60)} min`;
  return seconds < 172_800 ? `${round(seconds / 3_600)} h` : `${round(seconds / 86_400)} days`;
}
