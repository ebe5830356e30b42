import type { ErrorDetail } from "../../domain/errors.ts";
import type { ConnectorSource } from "./connector-source.ts";
import type { Credentials, SourceAuth } from "./polled-source.ts";

/** Credential names that may contain the key; the first one present is used. */
const KEY_NAMES = ["key", "api_key", "token"] as const;

/** Returns the key for `api_key` authentication. */
export function apiKeyOf(credentials: Credentials): string | undefined {
  return KEY_NAMES.map((name) => credentials[name]).find((value) => value !== undefined);
}

/** Returns the credentials that auth lacks or cannot send. No detail contains a value. */
export function flawsOfCredentials({ auth }: ConnectorSource, credentials: Credentials): ErrorDetail[] {
  return needed(auth).flatMap(({ names, optional }) => {
    const name = names.find((candidate) => Object.hasOwn(credentials, candidate));
    const field = `credentials.${name ?? names[0]}`;
    if (name === undefined) {
      return optional ? [] : [{ field, expected: `a string, which ${auth?.type} needs`, got: "nothing" }];
    }
    return isSendable(credentials[name] as string) ? [] : [{ field, ...UNSENDABLE }];
  });
}

/** The error detail of a value that is not `isSendable`. */
export const UNSENDABLE = { expected: "characters that a header can hold", got: "others" } as const;

/** Whether a header can contain the text: Latin-1 without control characters. */
export function isSendable(text: string): boolean {
  return /^[\x20-\x7e\xa0-\xff]*$/.test(text);
}

function needed(auth: Pick<SourceAuth, "type"> | undefined): { names: readonly string[]; optional?: true }[] {
  switch (auth?.type) {
    case "bearer":
      return [{ names: ["token"] }];
    case "basic":
      return [{ names: ["username"] }, { names: ["password"], optional: true }];
    case "api_key":
      return [{ names: KEY_NAMES }];
    case "oauth2": {
      const isRefresh = (auth as { grant?: string }).grant === "refresh_token";
      return [
        { names: ["client_id"] },
        isRefresh ? { names: ["client_secret"], optional: true } : { names: ["client_secret"] },
        ...(isRefresh ? [{ names: ["refresh_token"] }] : []),
      ];
    }
    default:
      return [];
  }
}
