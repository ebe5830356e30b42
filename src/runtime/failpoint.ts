/**
 * The failpoints that are armed. A fault test lists their names in `HEADRACE_FAILPOINTS`, separated by commas; outside
 * of tests the set is empty.
 */
const ARMED = new Set((process.env["HEADRACE_FAILPOINTS"] ?? "").split(",").filter((name) => name !== ""));

/** Kills the process with SIGKILL if the failpoint of this name is armed. */
export function failpoint(name: string): void {
  if (ARMED.has(name)) process.kill(process.pid, "SIGKILL");
}
