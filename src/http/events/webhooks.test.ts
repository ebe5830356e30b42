import Fastify from "fastify";
import { expect, onTestFinished, test } from "vitest";
import type { Receiver, Target } from "../../pipeline/receive/receiver.ts";
import { DEFAULT_BOUNDS } from "../../wiring/bounds.ts";
import { webhookRoutes } from "./webhooks.ts";

/** Serves the webhook routes before a receiver that accepts everything and keeps what it was asked for. */
async function routes() {
  const asked: { target: Target; url: string }[] = [];
  const receiver: Receiver = {
    bodyLimitBytes: () => 1_000,
    async receive(target, request) {
      asked.push({ target, url: request.url });
      const ack = { status: 200, body: "json" } as const;
      return { kind: "accepted", eventIds: ["e1"], ack, leftOut: 0, byOldSecret: false };
    },
  };
  const server = Fastify();
  onTestFinished(() => server.close());
  await server.register(webhookRoutes, {
    receiver,
    publicUrl: "https://hooks.example",
    bounds: DEFAULT_BOUNDS.webhooks,
    isBehind: () => false,
    onAnswer: () => {},
    onRefused: () => {},
  });
  return { server, asked };
}

test.each([
  ["shop/acme", { connector: "shop", tenantId: "acme", endpoint: "default" }],
  ["shop/acme/", { connector: "shop", tenantId: "acme", endpoint: "default" }],
  ["shop/acme/eu/", { connector: "shop", tenantId: "acme", endpoint: "eu" }],
  ["shop/", { connector: "shop" }],
  ["shop/acme/?a=1", { connector: "shop", tenantId: "acme", endpoint: "default" }],
])("receives at the webhook URL …/%s, which the signature covers as it was called", async (path, target) => {
  const { server, asked } = await routes();
  for (const method of ["POST", "GET", "PUT"] as const) {
    const { statusCode } = await server.inject({ method, url: `/api/v1/webhooks/${path}` });
    expect([method, statusCode]).toEqual([method, 200]);
  }
  const url = `https://hooks.example/api/v1/webhooks/${path}`;
  expect(asked).toEqual(Array.from({ length: 3 }, () => ({ target, url })));
});
