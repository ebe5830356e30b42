import { describe, expect, test } from "vitest";
import { redactCredentials } from "./credentials.ts";

describe("redactCredentials", () => {
  test.each([
    [
      "https://hooks.slack.com/services/T0AB1CD2E/B01ABCD2EF3/abcDEFghiJKLmnoPQRstuVWX",
      /services\/\[redacted\]\/\[redacted\]\/\[redacted\]$/,
    ],
    ["https://discord.com/api/webhooks/123456789012345678/aBcDeFgHiJkLmNoPqRsTuVwXyZ", /\/\[redacted\]$/],
    ["https://hooks.zapier.com/hooks/catch/123456/b2x9q1z/", /\/\[redacted\]\/$/],
    ["https://n8n.example/webhook/5f3c1a52-0d3b-4b0e-9d0e-2f0a6d6a9c11", /webhook\/\[redacted\]$/],
    ["https://user:pass@api.example/x", /^https:\/\/\[redacted\]@api\.example\/x$/],
    ["https://api.example/x?api_key=abc&page=2", /\?api_key=\[redacted\]&page=2$/],
    ["https://api.example/x?sig=short#frag", /\?sig=\[redacted\]#\[redacted\]$/],
    ["https://api.example/x?v=sk_live_4eC39HqLyjWDarjtT1zdp7dc", /\?v=\[redacted\]$/],
    ["{base_url}/hook/9f8e7d6c5b4a", /^\{base_url\}\/hook\/\[redacted\]$/],
  ])("replaces the credential in %s", (url, expected) => {
    expect(redactCredentials({ action: { url } })).toEqual({
      action: { url: expect.stringMatching(expected) },
    });
  });

  test.each([
    "https://api.example/v2/orders/{{data.id}}?page=1&sort=created_at",
    "https://api.example/orders?token={{secret.shop}}",
    "https://eu-1.api.example.com:8443/api/v1/customers/search",
    "http://127.0.0.1:8080/demo/sink",
  ])("leaves %s as it is", (url) => {
    expect(redactCredentials({ url, webhook_url: url })).toEqual({ url, webhook_url: url });
  });

  test("redacts literal credentials in headers but not templates and other headers", () => {
    expect(
      redactCredentials({
        headers: {
          "x-api-key": "abc",
          Authorization: "Bearer {{secret.shop}}",
          cookie: "a=b",
          "x-custom": "sk_live_4eC39HqLyjWDarjtT1zdp7dc",
          accept: "application/json",
          "x-version": "2024-01",
        },
        query: { access_token: "x", page: "1" },
      }),
    ).toEqual({
      headers: {
        "x-api-key": "[redacted]",
        Authorization: "Bearer {{secret.shop}}",
        cookie: "[redacted]",
        "x-custom": "[redacted]",
        accept: "application/json",
        "x-version": "2024-01",
      },
      query: { access_token: "[redacted]", page: "1" },
    });
  });
});
