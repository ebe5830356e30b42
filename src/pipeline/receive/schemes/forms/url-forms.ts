import type { Scheme } from "../scheme.ts";

/**
 * Returns the forms of the public URL that the provider may sign: as it was called, and those in the scheme's
 * `url_forms`. Each form once.
 */
export function urlForms({ url_forms = [] }: Scheme, url: string): [string, ...string[]] {
  if (url_forms.length === 0) return [url];
  return [...new Set([url, ...url_forms.map((form) => FORMS[form](url))])] as [string, ...string[]];
}

/**
 * Returns one spelling for all URLs under which the same signature is valid: a replay could escape a character that the
 * provider signs unescaped.
 */
export function boundUrl({ url_forms = [] }: Scheme, url: string): string {
  return url_forms.includes("decoded") ? FORMS.decoded(url) : url;
}

const FORMS: Record<NonNullable<Scheme["url_forms"]>[number], (url: string) => string> = {
  with_port: (url) =>
    url.replace(ORIGIN, (origin, scheme: string, host: string, port?: string) =>
      port === undefined ? `${scheme}://${host}:${scheme.toLowerCase() === "https" ? 443 : 80}` : origin,
    ),
  without_port: (url) => url.replace(ORIGIN, (_, scheme: string, host: string) => `${scheme}://${host}`),
  decoded: (url) =>
    url.replace(/%(?:3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)/gi, (escaped) => decodeURIComponent(escaped)),
};

const ORIGIN = /^(https?):\/\/((?:[^/?#:@[\]]+|\[[^\]]*\]))(:\d+)?(?=[/?#]|$)/i;
