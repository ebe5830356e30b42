import { HeadraceError } from "../../domain/errors.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";

/**
 * Throws `unprocessable` where a URL cannot be called: it may hold secrets, so that nothing of it is repeated. An address
 * that is written out is judged by the rules that its connection would be; what a name stands for is found out then.
 */
export function checkUrl(field: string, text: string, refusedTarget: TargetRules): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const flaw =
    url === undefined || !/^https?:$/.test(url.protocol)
      ? "an absolute http or https URL"
      : url.username !== "" || url.password !== ""
        ? "a URL without a user and password: send those in a header"
        : refusedTarget(url) !== undefined
          ? "a URL of a public address, or of one that HEADRACE_ALLOW_PRIVATE_TARGETS allows"
          : undefined;
  if (flaw === undefined) return;
  throw new HeadraceError("unprocessable", `${field} must be ${flaw}`, {
    details: [{ field, expected: flaw, got: "string" }],
  });
}
