import { requestedWaitMs } from "../../domain/waits/read-wait.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { OutgoingHttp, OutgoingResult } from "../../runtime/outgoing/index.ts";
import type { Credentials, HttpSourceRequest, PolledSource, SourceAuth } from "../sources/polled-source.ts";
import { basic } from "./authorize.ts";
import { failed } from "./classify-response.ts";
import type { FetchEnd } from "./fetched-page.ts";

/** An access token, or the end of the reading. */
export type TokenResult = { kind: "token"; token: string } | { kind: "end"; end: FetchEnd };

/** OAuth 2 access tokens, kept in the memory of this process only. */
export interface OAuthTokens {
  /** Returns the token of a source. Renews it if it expires soon or equals `refused`. */
  get(
    source: PolledSource,
    request: HttpSourceRequest,
    refused: string | undefined,
    signal: AbortSignal,
  ): Promise<TokenResult>;
}

/** Bounds of the OAuth tokens. */
export interface OAuthTokenBounds {
  /** Tokens kept. The oldest one is dropped. */
  maxTokens: number;
  timeoutMs: number;
}

/** Stores credentials with a rotated refresh token. Resolves when they are stored. */
export type SaveCredentials = (source: PolledSource, credentials: Credentials) => Promise<void>;

interface Entry {
  version: string;
  token: string;
  endsAtMs: number;
  /** The refresh token that was exchanged for the one in `credentials`. */
  spent: string | undefined;
  credentials: Credentials;
  /** The credentials are not stored yet; storing them is retried. */
  unsaved: boolean;
}

type OAuth = Extract<SourceAuth, { type: "oauth2" }>;

/** Returns the OAuth tokens of a process. */
export function createOAuthTokens(deps: {
  outgoing: OutgoingHttp;
  clock: Clock;
  saveCredentials: SaveCredentials;
  onError: (error: unknown, source: PolledSource) => void;
  bounds: OAuthTokenBounds;
}): OAuthTokens {
  const { clock, bounds } = deps;
  const entries = new Map<string, Entry>();
  const pending = new Map<string, Promise<TokenResult>>();

  async function save(source: PolledSource, entry: Entry): Promise<void> {
    try {
      await deps.saveCredentials(source, entry.credentials);
      entry.unsaved = false;
    } catch (error) {
      deps.onError(error, source);
    }
  }

  async function refresh(
    source: PolledSource,
    request: HttpSourceRequest,
    signal: AbortSignal,
  ): Promise<TokenResult> {
    const key = keyOf(source);
    const auth = request.auth as OAuth;
    const known = entries.get(key);
    const credentials = newest(request.credentials, known);
    const result = await deps.outgoing.request({
      ...tokenRequest(auth, credentials),
      timeoutMs: bounds.timeoutMs,
      maxResponseBytes: MAX_RESPONSE_BYTES,
      signal,
    });
    const read = readTokens(result, clock.now());
    if (read.kind === "end") return read;
    const rotated = auth.grant === "refresh_token" && read.refreshToken !== undefined;
    const renewed = rotated ? { ...credentials, refresh_token: read.refreshToken as string } : credentials;
    const isNew = renewed["refresh_token"] !== credentials["refresh_token"];
    const entry: Entry = {
      version: source.version,
      token: read.token,
      // Renewed early, since a token that expires in transit is refused.
      endsAtMs: clock.now() + read.livesMs - Math.min(60_000, read.livesMs / 10),
      spent: isNew ? credentials["refresh_token"] : known?.spent,
      credentials: renewed,
      unsaved: isNew || (known?.unsaved === true && credentials === known.credentials),
    };
    entries.delete(key);
    entries.set(key, entry);
    if (entries.size > bounds.maxTokens) entries.delete(entries.keys().next().value as string);
    if (entry.unsaved) await save(source, entry);
    return { kind: "token", token: entry.token };
  }

  return {
    async get(source, request, refused, signal) {
      const key = keyOf(source);
      const known = entries.get(key);
      if (known?.version === source.version) {
        if (known.unsaved) await save(source, known);
        if (known.token !== refused && clock.now() < known.endsAtMs)
          return { kind: "token", token: known.token };
      }
      const underWay = pending.get(key);
      if (underWay !== undefined) return underWay;
      const refreshing = refresh(source, request, signal).finally(() => pending.delete(key));
      pending.set(key, refreshing);
      return refreshing;
    },
  };
}

function keyOf({ tenantId, source }: PolledSource): string {
  return JSON.stringify([tenantId, source]);
}

/** Replaces credentials that were read before a rotation. Otherwise the stored credentials are newer. */
function newest(read: Credentials, known: Entry | undefined): Credentials {
  const isSpent = known?.spent !== undefined && read["refresh_token"] === known.spent;
  return isSpent ? known.credentials : read;
}

/** RFC 6749, sections 2.3.1, 4.4.2 and 6. */
function tokenRequest(auth: OAuth, credentials: Credentials) {
  const { client_id: id = "", client_secret: secret, refresh_token: refreshToken = "" } = credentials;
  const inHeader = auth.client_auth !== "body" && secret !== undefined;
  const form = new URLSearchParams({
    grant_type: auth.grant,
    ...(auth.grant === "refresh_token" ? { refresh_token: refreshToken } : {}),
    ...(auth.scope === undefined ? {} : { scope: auth.scope }),
    ...(inHeader ? {} : { client_id: id, ...(secret === undefined ? {} : { client_secret: secret }) }),
  });
  return {
    url: auth.token_url,
    method: "POST",
    headers: {
      accept: "application/json",
      "content-type": "application/x-www-form-urlencoded",
      ...(inHeader ? { authorization: basic(formEncoded(id), formEncoded(secret)) } : {}),
    },
    body: form.toString(),
  };
}

function formEncoded(text: string): string {
  return new URLSearchParams({ "": text }).toString().slice(1);
}

const MAX_RESPONSE_BYTES = 65_536;
/** Lifetime of a token without `expires_in`, s. */
const DEFAULT_LIFE_S = 3_600;

type Tokens = { kind: "tokens"; token: string; refreshToken: string | undefined; livesMs: number };

function readTokens(result: OutgoingResult, nowMs: number): Tokens | { kind: "end"; end: FetchEnd } {
  const end = (code: string, message: string, retryAfter?: number) =>
    ({ kind: "end", end: failed(code, message, retryAfter) }) as const;
  if (result.kind === "failed" && result.code === "ABORTED") return end(result.code, result.message);
  if (result.kind !== "response") return end("TOKEN_UNAVAILABLE", `No access token: ${result.message}`);
  const { status, headers } = result;
  const retryAfter = requestedWaitMs(status, headers, nowMs);
  const body = readObject(result.body);
  if (status === 429) return { kind: "end", end: { kind: "rate_limited", retryAfterMs: retryAfter } };
  if (status >= 500) return end("TOKEN_UNAVAILABLE", `The token endpoint answered ${status}`, retryAfter);
  if (status !== 200) {
    const error = String(body["error"]);
    const why = /^[a-z_]{1,40}$/.test(error) && body["error"] !== undefined ? ` (${error})` : "";
    return end("TOKEN_REFUSED", `The token endpoint answered ${status}${why}`, retryAfter);
  }
  const { access_token: token, expires_in: seconds, refresh_token: refreshToken } = body;
  if (typeof token !== "string" || !/^[\x21-\x7e]+$/.test(token)) {
    return end("TOKEN_UNREADABLE", "The token endpoint returned no access token");
  }
  const lives = Number(seconds);
  return {
    kind: "tokens",
    token,
    refreshToken: typeof refreshToken === "string" && refreshToken !== "" ? refreshToken : undefined,
    livesMs: (lives > 0 && Number.isFinite(lives) ? lives : DEFAULT_LIFE_S) * 1_000,
  };
}

function readObject(body: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body.toString());
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}
