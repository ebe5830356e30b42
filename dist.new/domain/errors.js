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
    "rate_limited",
    "payload_too_large",
    "unsupported_media_type",
    "store_unavailable",
    "store_unsuitable",
    "data_dir_in_use",
    "decryption_failed",
];
/** An operating fault: a stable code, a sentence with the value and the place, and the cause where there is one. */
export class HeadraceError extends Error {
    code;
    details;
    constructor(code, message, options = {}) {
        super(message, options.cause === undefined ? undefined : { cause: options.cause });
        this.name = "HeadraceError";
        this.code = code;
        this.details = options.details;
    }
}
//# sourceMappingURL=errors.js.map