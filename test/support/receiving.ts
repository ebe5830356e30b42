import { expect } from "vitest";
import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import { sampleDelivery } from "../../src/pipeline/receive/schemes/sample-delivery.ts";
import { createInstallation } from "./installation.ts";
import { api, type HeadraceProcess } from "./process.ts";
import { type ProviderKeys, providerKeys, schemeWithSample } from "./provider-keys.ts";

/** One process of all roles on a new database, with the tenants `acme` and `other`. */
export async function receiving(
  env: Record<string, string> = {},
): Promise<HeadraceProcess & { databaseUrl: string }> {
  const { start, databaseUrl } = await createInstallation();
  const headrace = await start({ env });
  for (const tenant of ["acme", "other"]) await api(headrace.url, "PUT", `/tenants/${tenant}`, {});
  return Object.assign(headrace, { databaseUrl });
}

/** A connector named like its preset, and an endpoint of the tenant with the secret. Returns the endpoint's URL. */
export async function connect(
  headrace: HeadraceProcess,
  preset: string,
  endpoint: {
    tenant?: string;
    secret?: string;
    account?: string;
    params?: Record<string, string>;
    connector?: string;
  },
): Promise<string> {
  const { tenant = "acme", secret, account, params, connector = preset } = endpoint;
  const own = { ...PRESETS.get(preset)?.sample.params, ...params };
  await api(headrace.url, "PUT", `/connectors/${connector}`, { webhook: { preset, params: own } });
  const { url } = (await api(headrace.url, "PUT", `/tenants/${tenant}/endpoints/${connector}`, {
    secrets: secret === undefined ? [] : [{ value: secret }],
    ...(account !== undefined && { account }),
  })) as { url: string };
  return url;
}

export interface Posted {
  status: number;
  headers: Headers;
  text: string;
}

export async function post(
  url: string,
  headers: Record<string, string>,
  body: Buffer | string,
  method = "POST",
): Promise<Posted> {
  const response = await fetch(url, {
    method,
    headers,
    ...(method === "GET" ? {} : { body: new Uint8Array(Buffer.from(body)) }),
    redirect: "manual",
    signal: AbortSignal.timeout(10_000),
  });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The preset's own sample, signed for the URL. */
export function signedSample(
  preset: string,
  url: string,
  over: { keys?: ProviderKeys; id?: string; data?: unknown; type?: string; nowMs?: number } = {},
): { headers: Record<string, string>; body: Buffer } {
  const { keys = providerKeys(preset), id = "id-1", data, type, nowMs = Date.now() } = over;
  const sample = PRESETS.get(preset)?.sample ?? { body: {} };
  const secret = keys.signingSecret;
  return sampleDelivery({ scheme: schemeWithSample(preset), sample, data, type, id, secret, url, nowMs });
}

/** The events of a tenant, newest first. */
export async function eventsOf(
  headrace: HeadraceProcess,
  tenant = "acme",
): Promise<{ id: string; type: string; status: string; connector: string; data: unknown }[]> {
  const { items } = (await api(headrace.url, "GET", `/tenants/${tenant}/events?limit=1000`)) as {
    items: { id: string; type: string; status: string; connector: string; data: unknown }[];
  };
  return items;
}

/** Posts a delivery that must be accepted, then again, which must get the same response. */
export async function acceptedOnce(
  headrace: HeadraceProcess,
  url: string,
  delivery: { headers: Record<string, string>; body: Buffer | string },
  { tenant = "acme", repeated = "duplicate" }: { tenant?: string; repeated?: "duplicate" | "accepted" } = {},
): Promise<{ id: string; type: string; data: unknown }[]> {
  const before = await eventsOf(headrace, tenant);
  const first = await post(url, delivery.headers, delivery.body);
  expect([first.status, first.text]).toEqual([expect.toBeOneOf([200, 202, 204]), first.text]);
  const again = await post(url, delivery.headers, delivery.body);
  expect(again.status).toBe(first.status);
  if (first.text !== "") {
    expect(JSON.parse(first.text)).toMatchObject({ status: "accepted" });
    const answer = JSON.parse(again.text);
    if (repeated === "duplicate") expect(answer).toEqual({ ...JSON.parse(first.text), status: "duplicate" });
    else expect(answer).toMatchObject({ status: "accepted" });
  }
  const after = await eventsOf(headrace, tenant);
  // The last events come first. Where every delivery is an event, the second one's are left out.
  const added = after.slice(0, after.length - before.length);
  return repeated === "duplicate" ? added : added.slice(added.length / 2);
}
