/**
 * Every operating fault that Headrace reports, by its stable code. HTTP statuses are given to them in
 * `http/errors.ts` and nowhere else. Impossible states are asserts, expected results are data: neither is here.
 */
export const ERROR_CODES = [
  "invalid_request",
  "invalid_setting",
  "invalid_condition",
  "unauthorized",
  "forbidden",
  "not_found",
  "conflict",
  "unprocessable",
  "unmatched",
  "unreadable",
  "rate_limited",
  "payload_too_large",
  "unsupported_media_type",
  "stopping",
  "store_unavailable",
  "store_unsuitable",
  "data_dir_in_use",
  "decryption_failed",
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];

/** One place in the input that is wrong: which field, what was seen there, and what was expected. */
export interface ErrorDetail {
  field: string;
  expected?: string;
  got?: string;
  message?: string;
}

/** An operating fault: a stable code, a sentence with the value and the place, and the cause where there is one. */
export class HeadraceError extends Error {
  readonly code: ErrorCode;
  readonly details: readonly ErrorDetail[] | undefined;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: readonly ErrorDetail[]; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "HeadraceError";
    this.code = code;
    this.details = options.details;
  }
}
