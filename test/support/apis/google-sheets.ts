import {
  numbered,
  type Provider,
  type ProviderAnswer,
  type ProviderRequest,
  serveProvider,
} from "./provider.ts";

/**
 * Google's values of a range of a sheet: all rows at once, without the empty cells at the end of each; access tokens for
 * a refresh token, which stays the same; the quota as 429 RESOURCE_EXHAUSTED without a time.
 * https://developers.google.com/workspace/sheets/api/reference/rest/v4/spreadsheets.values/get, …/api/limits
 */
export function startGoogleSheets(): Promise<Provider> {
  const header = ["id", "name", "city", "note"];
  const rows: unknown[][] = numbered(500, (id) => [
    id,
    `Customer ${id}`,
    ...(id % 3 === 0 ? ["Ulm", "vip"] : []),
  ]);
  // Rows that someone emptied.
  rows.splice(40, 0, []);
  const error = (code: number, status: string, message: string): ProviderAnswer => ({
    status: code,
    body: { error: { code, message, status } },
  });
  const aside = ({ url, method, body }: ProviderRequest): ProviderAnswer | undefined => {
    if (url.pathname !== "/token") return undefined;
    const form = Object.fromEntries(new URLSearchParams(body));
    if (method !== "POST" || form["grant_type"] !== "refresh_token") {
      return { status: 400, body: { error: "unsupported_grant_type" } };
    }
    if (form["client_id"] !== "7.apps.example" || form["client_secret"] !== "GOCSPX-0123") {
      return {
        status: 401,
        body: { error: "invalid_client", error_description: "The OAuth client was not found." },
      };
    }
    if (form["refresh_token"] !== "1//0123") {
      return {
        status: 400,
        body: { error: "invalid_grant", error_description: "Token has been expired or revoked." },
      };
    }
    return {
      body: {
        access_token: "ya29.a0",
        expires_in: 3_599,
        scope: "spreadsheets.readonly",
        token_type: "Bearer",
      },
    };
  };
  const page = ({ headers, url }: ProviderRequest): ProviderAnswer => {
    if (headers.authorization !== "Bearer ya29.a0") {
      return error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.");
    }
    if (!url.pathname.startsWith("/v4/spreadsheets/1BxiM/values/")) {
      return error(404, "NOT_FOUND", "Requested entity was not found.");
    }
    if (url.pathname !== "/v4/spreadsheets/1BxiM/values/Customers!A%3AD") {
      return error(400, "INVALID_ARGUMENT", "Unable to parse range");
    }
    return { body: { range: "Customers!A1:D1000", majorDimension: "ROWS", values: [header, ...rows] } };
  };
  return serveProvider({
    connector: "google-sheet",
    params: (url) => ({
      base_url: url,
      token_url: `${url}/token`,
      spreadsheet_id: "1BxiM",
      range: "Customers!A:D",
    }),
    credentials: { client_id: "7.apps.example", client_secret: "GOCSPX-0123", refresh_token: "1//0123" },
    records: 500,
    pages: 1,
    aside,
    page,
    refusal: () =>
      error(
        429,
        "RESOURCE_EXHAUSTED",
        "Quota exceeded for quota metric 'Read requests' and limit 'Read requests per minute per user' of service 'sheets.googleapis.com'.",
      ),
    change() {
      const row = rows[200] as unknown[];
      row[1] = "Another name";
      return String(row[0]);
    },
  });
}
