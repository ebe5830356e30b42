/** `{name}` stands for a param, and `{{secret.name}}` for a secret of the tenant. */
const PLACEHOLDER = /\{\{\s*secret\.([A-Za-z0-9][\w.-]{0,127})\s*\}\}|\{([A-Za-z_][\w.-]{0,99})\}/g;

/** Returns the names of the params in a text. */
export function paramNames(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].flatMap(([, , param]) => (param === undefined ? [] : [param]));
}

/** Returns the names of the secrets in a text. */
export function secretNames(text: string): string[] {
  return [...text.matchAll(PLACEHOLDER)].flatMap(([, secret]) => (secret === undefined ? [] : [secret]));
}

/** Replaces the placeholders for which `valueFor` has a value. */
export function fillText(
  text: string,
  valueFor: (placeholder: { kind: "param" | "secret"; name: string }) => string | undefined,
): string {
  return text.replaceAll(PLACEHOLDER, (whole, secret: string | undefined, param: string) => {
    const name = secret ?? param;
    return valueFor({ kind: secret === undefined ? "param" : "secret", name }) ?? whole;
  });
}

/**
 * Fills a URL. A leading param is a whole URL to which the rest is appended. A param in the host must be a host name.
 * A later param, or a secret, is escaped, so that it stays within its segment or value. Secrets are allowed only
 * after the host. Returns the error instead, which names the param or secret but not its value.
 */
export function fillUrl(
  template: string,
  params: Readonly<Record<string, string>>,
  secretFor: (name: string) => string | undefined = () => undefined,
): { kind: "url"; url: string } | { kind: "flawed"; param: string; expected: string } {
  let flaw: { param: string; expected: string } | undefined;
  const text = template.replaceAll(
    PLACEHOLDER,
    (whole, secret: string | undefined, name: string, at: number) => {
      const own = Object.hasOwn(params, name) ? params[name] : undefined;
      const value = secret === undefined ? own : secretFor(secret);
      if (secret !== undefined && !AUTHORITY_ENDED.test(template.slice(0, at))) {
        flaw ??= {
          param: secret,
          expected: "a position in the path or the query, where secrets are allowed",
        };
        return whole;
      }
      if (value === undefined) {
        flaw ??= { param: secret ?? name, expected: "a value" };
        return whole;
      }
      if (at === 0) {
        if (!isBaseUrl(value)) flaw ??= { param: name, expected: BASE_URL };
        return template[whole.length] === "/" ? value.replace(/\/+$/, "") : value;
      }
      if (!AUTHORITY_ENDED.test(template.slice(0, at))) {
        if (!HOST_PART.test(value)) flaw ??= { param: name, expected: "a host name, or a part of one" };
        return value;
      }
      // Dots would change the path.
      if (/^\.{1,2}$/.test(value))
        flaw ??= { param: secret ?? name, expected: "a name that does not consist of dots" };
      return encodeURIComponent(value);
    },
  );
  // For example, a port in the middle of a host.
  const [first] = paramNames(template);
  if (!URL.canParse(text) && first !== undefined)
    flaw ??= { param: first, expected: "a value that makes a valid URL" };
  return flaw === undefined ? { kind: "url", url: text } : { kind: "flawed", ...flaw };
}

const BASE_URL = "an absolute http or https URL without user, query and fragment";

/** Matches text in which the scheme and host, or a param that stands for them, are complete. */
const AUTHORITY_ENDED = /^(?:https?:\/\/[^/?#]+|\{[^}]*\}[^/?#]*)[/?#]/i;

const HOST_PART = /^[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?(?::\d{1,5})?$/;

function isBaseUrl(text: string): boolean {
  if (!URL.canParse(text)) return false;
  const { protocol, username, password, search, hash } = new URL(text);
  return /^https?:$/.test(protocol) && username + password + search + hash === "";
}
