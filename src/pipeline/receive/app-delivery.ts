import { HeadraceError } from "../../domain/errors.ts";
import type { EndpointName } from "../../postgres/access/receiving-endpoints.ts";
import { readDelivery } from "./delivery.ts";
import type { KnownConnector, KnownEndpoint } from "./endpoint-cache.ts";
import { eventsOfEndpoint } from "./endpoint-events.ts";
import type { MaybeAnswer, Reason, Responder } from "./receiver.ts";
import { answerProbe, answerUnsignedChallenge } from "./schemes/challenge.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { checkItemCount } from "./schemes/items.ts";
import { type Judgement, judge } from "./schemes/judge.ts";
import { createVerifier } from "./schemes/verify.ts";

/** Accounts that one delivery may name. */
const MAX_ACCOUNTS = 1_000;

/** Endpoints that are tried for one delivery, over all the accounts that it names. */
const MAX_ENDPOINTS = 1_000;

/**
 * Receives a delivery at the single URL of a connector. The accounts named in the delivery select the endpoints. Of the
 * endpoints of one account, the first whose secret verifies the signature takes the events of that account. A request
 * that names no account (a handshake, an empty batch) is verified with the secrets of all endpoints of the connector.
 */
export async function receiveForApp(
  responder: Responder,
  connectorId: string,
  request: InboundRequest,
): MaybeAnswer {
  const { endpoints, now } = responder;
  const connector = await endpoints.connector(connectorId);
  const { scheme } = connector;
  const unsigned = answerProbe(scheme, request) ?? answerUnsignedChallenge(scheme, request, false);
  if (connector.isKnown && unsigned !== undefined)
    return responder.decline(connector, { kind: "challenge", ...unsigned });

  checkItemCount(connector.scheme, request);
  const { names, counter, events } = await namedEndpoints(responder, connectorId, connector, request);
  const named = await Promise.all(names.map(async (name) => await endpoints.endpoint(name)));
  const judged = named.map((endpoint) => ({ endpoint, judgement: judge(endpoint, request, now()) }));
  for (const { endpoint, judgement } of judged) {
    // A captured secret belongs to one tenant. If endpoints of several tenants name the account, the owner is unknown.
    if (judgement.kind === "challenge" && (judgement.capture === undefined || areOfOneTenant(names)))
      return responder.handshake(endpoint, judgement);
    if (judgement.kind === "method_not_allowed") return responder.decline(endpoint, judgement);
  }
  const authentic = firstOfAccounts(
    judged.flatMap(({ endpoint, judgement }) =>
      judgement.kind === "delivery" ? [{ endpoint, secretIndex: judgement.secretIndex }] : [],
    ),
  );
  // Without this check the events of the endpoint would be left out silently. A request that names no account is
  // accepted if any endpoint verifies it.
  for (const { endpoint, judgement } of judged) {
    if (judgement.kind === "undecryptable" && (events > 0 || authentic.length === 0))
      return responder.refuse(endpoint, judgement.error);
  }
  const parts = authentic
    // An endpoint without an account takes nothing here: events without an account have no known owner.
    .filter(({ endpoint }) => endpoint.account !== undefined || events === 0)
    .map((part) => {
      const delivery = readDelivery(part.endpoint.scheme, request);
      return { ...part, ...eventsOfEndpoint(part.endpoint, request, { delivery }) };
    });
  const taken = parts.reduce((sum, part) => sum + part.events.length, 0);
  if (parts.length > 0 && (taken > 0 || events === 0)) {
    request.forgetParsed();
    return responder.commit(events === 0 ? parts.slice(0, 1) : parts, events - taken);
  }
  if (judged.length === 0) createVerifier(connector.scheme, [])(request, now());
  const reason = authentic.length > 0 ? "wrong_account" : reasonOf(judged, connector);
  const known = connector.isKnown ? { connector: connectorId } : {};
  return responder.decline({ counter }, { kind: "rejected", reason, known });
}

/** Finds the endpoints for the accounts in the delivery, which is not verified yet. */
async function namedEndpoints(
  { endpoints }: Responder,
  connectorId: string,
  connector: KnownConnector,
  request: InboundRequest,
): Promise<{ names: EndpointName[]; counter: number; events: number }> {
  const { events } = readDelivery(connector.scheme, request);
  const accounts = new Set(events.map((event) => event.account).filter((account) => account !== undefined));
  if (accounts.size === 0 || !connector.isKnown) {
    const { counter } = connector;
    return { names: connector.endpoints, counter, events: events.length };
  }
  if (accounts.size > MAX_ACCOUNTS) {
    throw new HeadraceError("payload_too_large", `The delivery names more than ${MAX_ACCOUNTS} accounts`);
  }
  const found = await Promise.all(
    [...accounts].map(async (account) => endpoints.ofAccount(connectorId, account)),
  );
  return {
    names: roundRobin(found.map(({ names }) => names)).slice(0, MAX_ENDPOINTS),
    counter: Math.min(connector.counter, ...found.map(({ counter }) => counter)),
    events: events.length,
  };
}

/** Returns the first endpoint of each account, then the second of each, and so on. */
function roundRobin(ofAccounts: readonly (readonly EndpointName[])[]): EndpointName[] {
  const rounds = Math.max(0, ...ofAccounts.map(({ length }) => length));
  return Array.from({ length: rounds }, (_, round) =>
    ofAccounts.flatMap((names) => names[round] ?? []),
  ).flat();
}

function areOfOneTenant(names: readonly EndpointName[]): boolean {
  return new Set(names.map(({ tenantId }) => tenantId)).size === 1;
}

/** Drops every endpoint whose account an earlier endpoint has: an event belongs to one endpoint. */
function firstOfAccounts<Part extends { endpoint: KnownEndpoint }>(parts: readonly Part[]): Part[] {
  const taken = new Set<string>();
  return parts.filter(({ endpoint: { account } }) => {
    if (account === undefined) return true;
    const isFirst = !taken.has(account);
    taken.add(account);
    return isFirst;
  });
}

function reasonOf(
  judged: readonly { endpoint: KnownEndpoint; judgement: Judgement }[],
  connector: KnownConnector,
): Reason {
  const reasons = judged.flatMap(({ judgement }) => (judgement.kind === "rejected" ? judgement.reason : []));
  return reasons[0] ?? (connector.isKnown ? "wrong_account" : "unknown_endpoint");
}
