import { HeadraceError } from "../../domain/errors.ts";
import type { EndpointName } from "../../postgres/access/receiving-endpoints.ts";
import { readDelivery } from "./delivery.ts";
import type { KnownConnector, KnownEndpoint } from "./endpoint-cache.ts";
import { placedEvents } from "./placed-events.ts";
import type { Answering, Attempt, Reason } from "./receiver.ts";
import { answerUnsignedChallenge } from "./schemes/challenge.ts";
import type { InboundRequest } from "./schemes/inbound-request.ts";
import { checkItemCount } from "./schemes/items.ts";
import { type Judgement, judge } from "./schemes/judge.ts";
import { createVerifier } from "./schemes/verify.ts";

/** No delivery names more accounts: each may be an endpoint whose secrets are tried. */
const MAX_ACCOUNTS = 1_000;

/** No more endpoints are tried on one delivery, of all the accounts that it names. */
const MAX_ENDPOINTS = 1_000;

/**
 * Judges a delivery to the one URL of a connector. The accounts that it names pick the endpoints. Among those of one
 * account the one under whose secrets the signature holds takes its events, the first of several. What names no account (a handshake, a batch of
 * nothing) is judged by the endpoints of the connector that have a secret.
 */
export async function receiveForApp(
  answering: Answering,
  connectorId: string,
  request: InboundRequest,
): Attempt {
  const { endpoints, now } = answering;
  const connector = await endpoints.connector(connectorId);
  const unsigned = connector.isKnown && answerUnsignedChallenge(connector.scheme, request, false);
  if (unsigned) return answering.decline(connector, { kind: "challenge", ...unsigned });

  checkItemCount(connector.scheme, request);
  const { names, counter, events } = await namedEndpoints(answering, connectorId, connector, request);
  const named = await Promise.all(names.map(async (name) => await endpoints.endpoint(name)));
  const judged = named.map((endpoint) => ({ endpoint, judgement: judge(endpoint, request, now()) }));
  for (const { endpoint, judgement } of judged) {
    // A secret that it brings is of one tenant: where several name the account, none can be told from the others.
    if (judgement.kind === "challenge" && (judgement.capture === undefined || areOfOneTenant(names)))
      return answering.handshake(endpoint, judgement);
    if (judgement.kind === "method_not_allowed") return answering.decline(endpoint, judgement);
  }
  const authentic = firstOfAccounts(
    judged.flatMap(({ endpoint, judgement }) =>
      judgement.kind === "delivery" ? [{ endpoint, bySecret: judgement.bySecret }] : [],
    ),
  );
  // Its events would be left out; what names no account is for whichever endpoint it verifies with.
  for (const { endpoint, judgement } of judged) {
    if (judgement.kind === "unopened" && (events > 0 || authentic.length === 0))
      return answering.refuse(endpoint, judgement.error);
  }
  const placed = authentic
    // What names no account holds no event either, or could be anybody's.
    .filter(({ endpoint }) => endpoint.account !== undefined || events === 0)
    .map((part) => {
      const delivery = readDelivery(part.endpoint.scheme, request);
      return { ...part, ...placedEvents(part.endpoint, request, { delivery }) };
    });
  const taken = placed.reduce((sum, part) => sum + part.events.length, 0);
  if (placed.length > 0 && (taken > 0 || events === 0)) {
    request.forgetParsed();
    return answering.commit(events === 0 ? placed.slice(0, 1) : placed, events - taken);
  }
  if (judged.length === 0) createVerifier(connector.scheme, [])(request, now());
  const reason = authentic.length > 0 ? "wrong_account" : reasonOf(judged, connector);
  const known = connector.isKnown ? { connector: connectorId } : {};
  return answering.decline({ counter }, { kind: "rejected", reason, known });
}

/** Which endpoints the delivery may be for, as far as it says without being verified. */
async function namedEndpoints(
  { endpoints }: Answering,
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
    names: inTurns(found.map(({ names }) => names)).slice(0, MAX_ENDPOINTS),
    counter: Math.min(connector.counter, ...found.map(({ counter }) => counter)),
    events: events.length,
  };
}

/** The first of each account, then the second of each, and so on. */
function inTurns(ofAccounts: readonly (readonly EndpointName[])[]): EndpointName[] {
  const turns = Math.max(0, ...ofAccounts.map(({ length }) => length));
  return Array.from({ length: turns }, (_, turn) => ofAccounts.flatMap((names) => names[turn] ?? [])).flat();
}

function areOfOneTenant(names: readonly EndpointName[]): boolean {
  return new Set(names.map(({ tenantId }) => tenantId)).size === 1;
}

/** Leaves out those whose account an endpoint before them has: an event is one endpoint's. */
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
