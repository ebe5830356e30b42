import type { FastifyPluginAsync } from "fastify";
import type { CreateMatcher } from "../deadletter/replay-letters.ts";
import { parseBody } from "../domain/body.ts";
import { HeadraceError } from "../domain/errors.ts";
import type { Acceptor } from "../pipeline/receive/acceptor.ts";
import type { TakeQuota } from "../pipeline/receive/receiver.ts";
import type { Database } from "../postgres/database.ts";
import type { KeyRing } from "../postgres/key-ring.ts";
import type { AddressRules } from "../runtime/outgoing/index.ts";
import { auditCalls } from "./audited.ts";
import type { Guards, RefusedCall } from "./authenticate.ts";
import type { CheckActionHeaders } from "./flow-input.ts";
import { type KeyShareLimits, shareByKey } from "./key-shares.ts";
import type { KeyUse } from "./key-use.ts";
import { acceptEventsRoute } from "./routes/accept-events.ts";
import { alertRoutes } from "./routes/alerts.ts";
import { auditRoutes } from "./routes/audit.ts";
import { breakerRoutes } from "./routes/breakers.ts";
import { bulkReplayRoutes } from "./routes/bulk-replays.ts";
import { connectorRoutes } from "./routes/connectors.ts";
import { deadLetterForecastRoutes } from "./routes/dead-letter-forecast.ts";
import { deadLetterGroupRoutes } from "./routes/dead-letter-groups.ts";
import { deadLetterReplayRoutes } from "./routes/dead-letter-replays.ts";
import { deadLetterRoutes } from "./routes/dead-letters.ts";
import { deploymentRoutes } from "./routes/deployments.ts";
import { dlqPolicyRoutes } from "./routes/dlq-policy.ts";
import { endpointRoutes } from "./routes/endpoints.ts";
import { type ExplainRouting, eventRoutes } from "./routes/events.ts";
import { type CreateFlowMatcher, flowTestRoutes } from "./routes/flow-tests.ts";
import { flowRoutes } from "./routes/flows.ts";
import { keyRoutes } from "./routes/keys.ts";
import { rejectionRoutes } from "./routes/rejections.ts";
import { type RunDispatch, runActionRoutes } from "./routes/run-actions.ts";
import { runRoutes } from "./routes/runs.ts";
import { secretRoutes } from "./routes/secrets.ts";
import { sourceHoldRoutes } from "./routes/source-holds.ts";
import { type PollDispatch, sourcePollRoutes } from "./routes/source-polls.ts";
import { sourceRoutes } from "./routes/sources.ts";
import { tenantRoutes } from "./routes/tenants.ts";
import { Alert } from "./schemas/alert.ts";
import { ApiKey, NewApiKey } from "./schemas/api-key.ts";
import { AuditEntry } from "./schemas/audit-entry.ts";
import { Backfill } from "./schemas/backfill.ts";
import { Breaker } from "./schemas/breaker.ts";
import { BulkReplay } from "./schemas/bulk-replay.ts";
import { Connector } from "./schemas/connector.ts";
import { DeadLetter } from "./schemas/dead-letter.ts";
import { DeadLetterForecast } from "./schemas/dead-letter-forecast.ts";
import { DeadLetterGroup } from "./schemas/dead-letter-group.ts";
import { ShownDlqPolicy } from "./schemas/dlq-policy.ts";
import { Endpoint } from "./schemas/endpoint.ts";
import { Event, EventDetail, type NormalizeInSlices } from "./schemas/event.ts";
import { Flow } from "./schemas/flow.ts";
import { Hold } from "./schemas/hold.ts";
import { Poll } from "./schemas/poll.ts";
import { Rejection } from "./schemas/rejection.ts";
import { Run } from "./schemas/run.ts";
import { Secret } from "./schemas/secret.ts";
import { type ReadSourceStates, Source } from "./schemas/source.ts";
import { Tenant } from "./schemas/tenant.ts";
import { createReadSourceStates } from "./source-states.ts";

export interface ApiDeps {
  database: Database;
  guards: Guards;
  keyShare: KeyShareLimits;
  /** Told of each call that is refused by the share of its key. */
  onRefused: (reason: RefusedCall) => void;
  keyRing: KeyRing;
  keyUse: Pick<KeyUse, "note">;
  acceptor: Acceptor;
  takeQuota: TakeQuota;
  explainRouting: ExplainRouting;
  createFlowMatcher: CreateFlowMatcher;
  /** Finds the flows that are deployed now for what is replayed. */
  createCurrentFlows: CreateMatcher;
  normalize: NormalizeInSlices;
  checkActionHeaders: CheckActionHeaders;
  /** Rules of outgoing calls: an address that they would refuse is refused where it is stored. Left out: none is. */
  refusedAddress?: AddressRules;
  dispatch: RunDispatch;
  pollDispatch: PollDispatch;
  /** Left out: read from PostgreSQL. */
  readSourceStates?: ReadSourceStates;
  /** The URL that providers call: a scheme, a host, and the prefix of a path where a proxy has one. */
  publicUrl: string;
}

/** A call takes no longer, ms: longer than any one statement may. Its answer is then 503. */
const DEADLINE_MS = 30_000;

/** The management API: every route behind a guard, every body JSON. */
export const apiRoutes: FastifyPluginAsync<ApiDeps> = async (server, deps) => {
  const shared = { database: auditCalls(server, deps.database), guards: deps.guards };
  const { explainRouting, createFlowMatcher, createCurrentFlows: createMatcher } = deps;
  const { keyRing, acceptor, takeQuota, normalize, checkActionHeaders, dispatch, publicUrl } = deps;
  const { refusedAddress = () => undefined } = deps;
  const { readSourceStates = createReadSourceStates(deps.database), pollDispatch } = deps;

  const share = shareByKey(deps.keyShare, () => deps.onRefused("key_share"));
  server.addHook("onRoute", (route) => {
    route.handlerTimeout ??= DEADLINE_MS;
    share(route);
  });
  server.removeAllContentTypeParsers();
  // The rules of delivered bodies, so that what is accepted here can be normalised.
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (_request, body, done) => {
    const parsed = parseBody({ contentType: "application/json", body: body as Buffer });
    if (parsed.kind === "parsed") done(null, parsed.data);
    else done(new HeadraceError("invalid_request", parsed.reason));
  });
  for (const schema of [
    Tenant,
    Connector,
    Endpoint,
    Flow,
    Event,
    EventDetail,
    Run,
    Breaker,
    DeadLetter,
    BulkReplay,
    DeadLetterGroup,
    DeadLetterForecast,
    Alert,
    ShownDlqPolicy,
    Backfill,
    Rejection,
    Secret,
    ApiKey,
    NewApiKey,
    Poll,
    Hold,
    Source,
    AuditEntry,
  ]) {
    server.addSchema(schema);
  }

  await server.register(tenantRoutes, shared);
  await server.register(connectorRoutes, shared);
  await server.register(endpointRoutes, { ...shared, keyRing, publicUrl });
  const actionRules = { checkActionHeaders, refusedAddress };
  await server.register(flowRoutes, { ...shared, keyRing, actionRules });
  await server.register(deploymentRoutes, shared);
  await server.register(acceptEventsRoute, { ...shared, acceptor, takeQuota });
  await server.register(secretRoutes, { ...shared, keyRing });
  await server.register(eventRoutes, { ...shared, normalize, explainRouting });
  await server.register(flowTestRoutes, { ...shared, normalize, createFlowMatcher });
  await server.register(rejectionRoutes, shared);
  await server.register(runRoutes, shared);
  await server.register(breakerRoutes, shared);
  await server.register(runActionRoutes, { ...shared, takeQuota, dispatch });
  await server.register(deadLetterRoutes, shared);
  await server.register(deadLetterReplayRoutes, {
    ...shared,
    dispatch,
    replay: { normalize, createMatcher },
  });
  await server.register(bulkReplayRoutes, shared);
  await server.register(deadLetterGroupRoutes, shared);
  await server.register(deadLetterForecastRoutes, shared);
  await server.register(dlqPolicyRoutes, { ...shared, refusedAddress });
  await server.register(sourceRoutes, { ...shared, keyRing, readSourceStates, refusedAddress });
  await server.register(sourcePollRoutes, { ...shared, pollDispatch });
  await server.register(sourceHoldRoutes, { ...shared, pollDispatch });
  await server.register(alertRoutes, shared);
  await server.register(keyRoutes, shared);
  await server.register(auditRoutes, shared);
};
