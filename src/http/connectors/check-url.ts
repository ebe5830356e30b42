import { HeadraceError } from "../../domain/errors.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";

/**
 * Throws `unprocessable` for a URL that cannot be called. The message contains no part of the URL, which may include
 * secrets. A literal address is checked by the rules of outgoing connections, a host name only when it is resolved.
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
