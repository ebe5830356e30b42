import type { DeliveryReading } from "./delivery.ts";
import type { KnownEndpoint } from "./endpoint-cache.ts";
import type { Responder } from "./receiver.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * Returns the accounts in the delivery that belong to other tenants. An endpoint that names no account takes any,
 * except an account that another tenant's endpoint names with the same secret: an app signs the deliveries of all its
 * accounts with one secret, and the URL is not signed. Resolves with `undefined` if the endpoint and the accounts were
 * loaded at different receive counters. Returns a promise only if something has to be loaded, which is rare.
 */
export function otherTenantsAccounts(deps: {
  responder: Pick<Responder, "endpoints" | "refuse">;
  endpoint: KnownEndpoint;
  delivery: DeliveryReading;
  request: InboundRequest;
  nowMs: number;
}): ReadonlySet<string> | Promise<ReadonlySet<string> | undefined> {
  const { endpoint, delivery } = deps;
  if (endpoint.account !== undefined || endpoint.scheme.account === undefined) return NONE;
  const accounts = new Set<string>();
  for (const { account } of delivery.events) if (account !== undefined) accounts.add(account);
  return accounts.size === 0 ? NONE : findOthers(deps, [...accounts]);
}

async function findOthers(
  { responder, endpoint, request, nowMs }: Parameters<typeof otherTenantsAccounts>[0],
  accounts: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  const { endpoints } = responder;
  const { tenantId, connector } = endpoint.name;
  const found = await Promise.all(accounts.map(async (account) => endpoints.ofAccount(connector, account)));
  const owners = await Promise.all(
    found.map(({ names }) => {
      const others = names.filter((name) => name.tenantId !== tenantId);
      return Promise.all(others.map(async (name) => endpoints.endpoint(name)));
    }),
  );
  const counters = [...found, ...owners.flat()].map(({ counter }) => counter);
  if (counters.some((counter) => counter !== endpoint.counter)) {
    endpoints.advance(Math.max(...counters, endpoint.counter));
    return undefined;
  }
  for (const owner of owners.flat()) {
    if (owner.decryptionError !== undefined && owner.verify(request, nowMs).kind !== "authentic")
      return responder.refuse(owner, owner.decryptionError);
  }
  return new Set(
    accounts.filter((_account, index) =>
      owners[index]?.some((owner) => owner.verify(request, nowMs).kind === "authentic"),
    ),
  );
}
