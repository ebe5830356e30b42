import { apiKeyOf } from "../sources/credentials.ts";
import type { Credentials, SourceAuth } from "../sources/polled-source.ts";

/** Where the credentials of a request go: a header, or a field of the query. */
export interface Authorization {
  headers: Record<string, string>;
  query: Record<string, string>;
}

/** What a request is sent with. `token` is that of OAuth. */
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

/** RFC 7617, in UTF-8. */
export function basic(user: string, password: string): string {
  return `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
}
