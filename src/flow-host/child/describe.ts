import { types } from "node:util";
import type { ThrownError } from "../../domain/flow/handler-call.ts";
import { inspectText, isPlain, plainCopy } from "./plain.ts";

/** Characters kept of a message and of a stack. */
const MAX_MESSAGE = 8_192;
const MAX_STACK = 16_384;
/** Characters of a value that is written as JSON, which has room for its end within a message. */
const MAX_JSON = 7_168;

/**
 * Describes a thrown value as text, also an error with throwing getters or with a message that is no string. Never throws:
 * the end of a run depends on it.
 */
export function describeThrown(thrown: unknown): ThrownError {
  try {
    const stack = isError(thrown) ? read(thrown, "stack") : undefined;
    return {
      message: messageOf(thrown).slice(0, MAX_MESSAGE),
      ...(typeof stack === "string" && { stack: stack.slice(0, MAX_STACK) }),
    };
  } catch {
    return { message: "a value that cannot be shown" };
  }
}

/** Returns when the run of a thrown error may be tried again, as `FatalError` and `RetryAtError` say it. */
export function retryOf(thrown: unknown): Pick<ThrownError, "endsRunAs" | "retryInMs"> {
  const at = read(thrown, Symbol.for("headrace.retry"));
  if (at === "never") return { endsRunAs: "HANDLER_THREW" };
  return typeof at === "number" && Number.isFinite(at) ? { retryInMs: Math.max(at - Date.now(), 0) } : {};
}

/** Returns any value as text: plain objects and arrays as bounded JSON. Never throws. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    if (isPlain(value)) return JSON.stringify(plainCopy(value, MAX_JSON));
    return typeof value === "object" || typeof value === "function" ? inspectText(value) : String(value);
  } catch {
    return "a value that cannot be shown";
  }
}

/** Reads a property of a value that may be a proxy or have getters. Returns undefined if reading it throws. */
export function read(value: unknown, name: string | symbol): unknown {
  try {
    return (value as Record<string | symbol, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

function messageOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(thrown);
  const message = read(thrown, "message");
  return message === undefined || message === "" ? "an error without a message" : textOf(message);
}

function isError(thrown: unknown): boolean {
  if (types.isNativeError(thrown)) return true;
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}
