import { inspect, types } from "node:util";
import type { ThrownError } from "../../domain/flow/handler-call.ts";

/** Characters kept of a message and of a stack. */
const MAX_MESSAGE = 8_192;
const MAX_STACK = 16_384;

/** Describes a thrown value as text, including errors with throwing getters or a message that is no string. Never throws. */
export function describeThrown(thrown: unknown): ThrownError {
  const stack = isError(thrown) ? read(thrown, "stack") : undefined;
  return {
    message: messageOf(thrown).slice(0, MAX_MESSAGE),
    ...(typeof stack === "string" && { stack: stack.slice(0, MAX_STACK) }),
  };
}

/** Returns any value as text. Never throws. */
export function textOf(value: unknown): string {
  if (typeof value === "string") return value;
  try {
    // Calls neither getters nor a custom inspect function, and looks through proxies.
    return typeof value === "object" || typeof value === "function"
      ? inspect(value, { depth: 2, customInspect: false, maxStringLength: 1_000, breakLength: 1_000 })
      : String(value);
  } catch {
    return "a value that cannot be shown";
  }
}

/** Reads a property of a value that may be a proxy or have getters. Returns undefined if reading it throws. */
export function read(value: unknown, name: string): unknown {
  try {
    return (value as Record<string, unknown> | null | undefined)?.[name];
  } catch {
    return undefined;
  }
}

function messageOf(thrown: unknown): string {
  if (!isError(thrown)) return textOf(thrown);
  const message = read(thrown, "message");
  if (typeof message === "string") return message;
  return message === undefined ? "an error without a message" : textOf(message);
}

function isError(thrown: unknown): boolean {
  if (types.isNativeError(thrown)) return true;
  try {
    return thrown instanceof Error;
  } catch {
    return false;
  }
}
