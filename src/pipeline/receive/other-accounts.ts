import type { DeliveryReading } from "./delivery.ts";
import type { KnownEndpoint } from "./endpoint-cache.ts";
import type { Answering } from "./receiver.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";

const NONE: ReadonlySet<string> = new Set();

/**
 * Accounts in the delivery that are another tenant's. An endpoint that names no account takes any, but not one that a
 * tenant has named, under a secret that this tenant has as well: an app's one secret signs the deliveries of every
 * account, and the URL is not signed. `undefined` when what is known of an account and of the endpoint is not of the
 * same moment. No promise where nothing has to be looked up, which is nearly always.
 */
export function otherTenantsAccounts(deps: {
  answering: Pick<Answering, "endpoints" | "refuse">;
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
  { answering, endpoint, request, nowMs }: Parameters<typeof otherTenantsAccounts>[0],
  accounts: readonly string[],
): Promise<ReadonlySet<string> | undefined> {
  const { endpoints } = answering;
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
    if (owner.unopened !== undefined && owner.verify(request, nowMs).kind !== "authentic")
      return answering.refuse(owner, owner.unopened);
  }
  return new Set(
    accounts.filter((_account, index) =>
      owners[index]?.some((owner) => owner.verify(request, nowMs).kind === "authentic"),
    ),
  );
}
