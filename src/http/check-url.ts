import { HeadraceError } from "../domain/errors.ts";

/** Throws `unprocessable` where a URL cannot be called: it may hold secrets, so that nothing of it is repeated. */
export function checkUrl(field: string, text: string): void {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  const flaw =
    url === undefined || !/^https?:$/.test(url.protocol)
      ? "an absolute http or https URL"
      : url.username !== "" || url.password !== ""
        ? "a URL without a user and password: send those in a header"
        : undefined;
  if (flaw === undefined) return;
  throw new HeadraceError("unprocessable", `${field} must be ${flaw}`, {
    details: [{ field, expected: flaw, got: "string" }],
  });
}
