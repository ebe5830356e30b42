/**
 * Named places at which a fault test may end the process, as `HEADRACE_FAILPOINTS=name,name` says. Unset, as it is
 * outside of tests, a place is one look into an empty set.
 */
const ARMED = new Set((process.env["HEADRACE_FAILPOINTS"] ?? "").split(",").filter((name) => name !== ""));
/** Ends the process here and now, as a power cut would, if this place is armed. */
export function failpoint(name) {
    if (ARMED.has(name))
        process.kill(process.pid, "SIGKILL");
}
//# sourceMappingURL=failpoint.js.map