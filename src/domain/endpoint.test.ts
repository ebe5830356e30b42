import { describe, expect, test } from "vitest";
import { endpointStatus, endpointUrls } from "./endpoint.ts";

describe("endpointStatus", () => {
  test.each([
    [{ enabled: true, secrets: 1, needsSecret: true }, "active"],
    [{ enabled: true, secrets: 0, needsSecret: true }, "pending"],
    [{ enabled: true, secrets: 0, needsSecret: false }, "active"],
    [{ enabled: false, secrets: 0, needsSecret: true }, "disabled"],
  ])("returns the status of endpoint %o: %s", (endpoint, status) => {
    expect(endpointStatus({ ...endpoint, needsSecret: () => endpoint.needsSecret })).toBe(status);
  });
});

describe("endpointUrls", () => {
  const name = { tenantId: "acme", connector: "shop", endpoint: "default" };

  test("omits the default endpoint from the URL", () => {
    expect(endpointUrls("https://hooks.example/", name)).toEqual({
      url: "https://hooks.example/api/v1/webhooks/shop/acme",
      appUrl: "https://hooks.example/api/v1/webhooks/shop",
    });
    const { url } = endpointUrls("https://hooks.example", { ...name, endpoint: "eu" });
    expect(url).toBe("https://hooks.example/api/v1/webhooks/shop/acme/eu");
  });
});
