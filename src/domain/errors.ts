/**
 * The stable codes of all errors that Headrace reports. Their HTTP statuses are in `http/errors.ts` only. Impossible states
 * are asserts and expected results are data: neither has a code.
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

/** A field of the input that is wrong, with the value found and the one expected. */
export interface ErrorDetail {
  field: string;
  expected?: string;
  got?: string;
  message?: string;
}

/** An error with a stable code, a message that names the field and the value, and its cause if there is one. */
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
