export const DEFAULT_RETRY = {
    max_attempts: 5,
    backoff: "exponential",
    delay_ms: 1_000,
    max_delay_ms: 3_600_000,
};
//# sourceMappingURL=flow.js.map