import type { FakeRequest } from "./fake-api.ts";

/** An OAuth 2 token endpoint for the client `id` with secret `secret`. */
export interface FakeOAuth {
  /** Lifetime of tokens, s, returned as `expires_in`. */
  expiresInS: number;
  /** The valid refresh token. */
  refreshToken: string;
  /** Whether a refresh replaces the refresh token. */
  rotates: boolean;
  /** Access tokens issued so far; `revoke` invalidates all of them. */
  issued: string[];
  revoke(): void;
  /** Returned instead of a token. */
  refuse: { status: number; body: object } | undefined;
  answer(request: FakeRequest): { status: number; body: object };
  /** Whether a request has a valid token. */
  authorize(request: FakeRequest): boolean;
}

/** Returns a token endpoint that has issued no token. */
export function createFakeOAuth(): FakeOAuth {
  const valid = new Set<string>();
  const oauth: FakeOAuth = {
    expiresInS: 3_600,
    refreshToken: "refresh-1",
    rotates: false,
    issued: [],
    refuse: undefined,
    revoke: () => valid.clear(),
    answer({ body, headers }) {
      const form = new URLSearchParams(body);
      const basic = Buffer.from(String(headers.authorization).replace(/^Basic /, ""), "base64").toString();
      const client = form.has("client_id") ? `${form.get("client_id")}:${form.get("client_secret")}` : basic;
      if (oauth.refuse !== undefined) return oauth.refuse;
      if (client !== "id:secret") return { status: 401, body: { error: "invalid_client" } };
      const grant = form.get("grant_type");
      if (grant !== "client_credentials" && grant !== "refresh_token") {
        return { status: 400, body: { error: "unsupported_grant_type" } };
      }
      if (grant === "refresh_token" && form.get("refresh_token") !== oauth.refreshToken) {
        return { status: 400, body: { error: "invalid_grant" } };
      }
      const token = `access-${oauth.issued.length + 1}`;
      valid.add(token);
      oauth.issued.push(token);
      const rotated = grant === "refresh_token" && oauth.rotates;
      if (rotated) oauth.refreshToken = `refresh-${oauth.issued.length + 1}`;
      return {
        status: 200,
        body: {
          access_token: token,
          token_type: "Bearer",
          expires_in: oauth.expiresInS,
          ...(rotated ? { refresh_token: oauth.refreshToken } : {}),
        },
      };
    },
    authorize: ({ headers }) => valid.has(String(headers.authorization).replace(/^Bearer /, "")),
  };
  return oauth;
}
