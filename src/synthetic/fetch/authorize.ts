import { apiKeyOf } from "../sources/credentials.ts";
import type { Credentials, SourceAuth } from "../sources/polled-source.ts";

/** The headers and query fields that carry the credentials of a request. */
export interface Authorization {
  headers: Record<string, string>;
  query: Record<string, string>;
}

/** Returns the headers and query fields for a request. `token` is the OAuth access token. */
export function authorization(
  auth: SourceAuth | undefined,
  credentials: Credentials,
  token: string | undefined,
): Authorization {
  const header = (name: string, value: string) => ({ headers: { [name]: value }, query: {} });
  switch (auth?.type) {
    case "bearer":
      return header("authorization", `Bearer ${credentials["token"] ?? ""}`);
    case "oauth2":
      return header("authorization", `Bearer ${token ?? ""}`);
    case "basic": {
      const { username = "", password = "" } = credentials;
      return header("authorization", basic(username, password));
    }
    case "api_key": {
      const key = `${auth.prefix ?? ""}${apiKeyOf(credentials) ?? ""}`;
      return auth.in === "header" ? header(auth.name, key) : { headers: {}, query: { [auth.name]: key } };
    }
    default:
      return { headers: {}, query: {} };
  }
}

/** Returns the value of an Authorization header (RFC 7617), in UTF-8. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
