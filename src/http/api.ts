import type { FastifyPluginAsync } from "fastify";
import { HeadraceError } from "../domain/errors.ts";
import { parseBody } from "../domain/event/body.ts";
import type { Acceptor } from "../pipeline/receive/acceptor.ts";
import type { TakeQuota } from "../pipeline/receive/receiver.ts";
import type { Database } from "../postgres/core/database.ts";
import type { KeyRing } from "../postgres/core/key-ring.ts";
import type { TargetRules } from "../runtime/outgoing/index.ts";
import { ApiKey, NewApiKey } from "./access/api-key-schema.ts";
import { auditRoutes } from "./access/audit.ts";
import { AuditEntry } from "./access/audit-entry-schema.ts";
import { auditCalls } from "./access/audited.ts";
import type { Guards, RefusedCall } from "./access/authenticate.ts";
import { type KeyShareBounds, shareByKey } from "./access/key-shares.ts";
import type { KeyUse } from "./access/key-use.ts";
import { keyRoutes } from "./access/keys.ts";
import { redactForReadKeys } from "./access/redact-answers.ts";
import { Secret } from "./access/secret-schema.ts";
import { secretRoutes } from "./access/secrets.ts";
import { Tenant } from "./access/tenant-schema.ts";
import { tenantRoutes } from "./access/tenants.ts";
import { Alert } from "./alerts/alert-schema.ts";
import { alertRoutes } from "./alerts/alerts.ts";
import { Connector } from "./connectors/connector-schema.ts";
import { connectorRoutes } from "./connectors/connectors.ts";
import { Endpoint } from "./connectors/endpoint-schema.ts";
import { endpointRoutes } from "./connectors/endpoints.ts";
import { BulkReplay } from "./dead-letters/bulk-replay-schema.ts";
import { bulkReplayRoutes } from "./dead-letters/bulk-replays.ts";
import { DeadLetter } from "./dead-letters/dead-letter-schema.ts";
import { deadLetterRoutes } from "./dead-letters/dead-letters.ts";
import { deadLetterForecastRoutes } from "./dead-letters/forecast.ts";
import { DeadLetterForecast } from "./dead-letters/forecast-schema.ts";
import { DeadLetterGroup } from "./dead-letters/group-schema.ts";
import { deadLetterGroupRoutes } from "./dead-letters/groups.ts";
import { dlqPolicyRoutes } from "./dead-letters/policy.ts";
import { ShownDlqPolicy } from "./dead-letters/policy-schema.ts";
import { deadLetterReplayRoutes } from "./dead-letters/replays.ts";
import { acceptEventsRoute } from "./events/accept-events.ts";
import { erasureRoutes } from "./events/erasure.ts";
import { Event, EventDetail } from "./events/event-schema.ts";
import { eventRoutes } from "./events/events.ts";
import { Rejection } from "./events/rejection-schema.ts";
import { rejectionRoutes } from "./events/rejections.ts";
import { Backfill } from "./flows/backfill-schema.ts";
import { deploymentRoutes } from "./flows/deployments.ts";
import type { CheckActionHeaders } from "./flows/flow-input.ts";
import { Flow } from "./flows/flow-schema.ts";
import { flowTestRoutes } from "./flows/flow-tests.ts";
import { flowRoutes } from "./flows/flows.ts";
import { Breaker } from "./runs/breaker-schema.ts";
import { breakerRoutes } from "./runs/breakers.ts";
import { type RunDispatch, runActionRoutes } from "./runs/run-actions.ts";
import { Run } from "./runs/run-schema.ts";
import { runRoutes } from "./runs/runs.ts";
import { withPlainFields } from "./server/exact-bodies.ts";
import { Hold } from "./sources/hold-schema.ts";
import { sourceHoldRoutes } from "./sources/holds.ts";
import { Poll } from "./sources/poll-schema.ts";
import { type PollDispatch, sourcePollRoutes } from "./sources/polls.ts";
import { type ReadSourceStates, Source } from "./sources/source-schema.ts";
import { createReadSourceStates } from "./sources/source-states.ts";
import { sourceRoutes } from "./sources/sources.ts";

/** Dependencies of the API routes. */
export interface ApiDeps {
  database: Database;
  guards: Guards;
  keyShare: KeyShareBounds;
  /** Called for each call that the share of its key refuses. */
  onRefused: (reason: RefusedCall) => void;
  keyRing: KeyRing;
  keyUse: Pick<KeyUse, "note">;
  acceptor: Acceptor;
  takeQuota: TakeQuota;
  checkActionHeaders: CheckActionHeaders;
  /** Rules of outgoing calls. A target that they refuse cannot be stored. Default: no target is refused. */
  refusedTarget?: TargetRules;
  dispatch: RunDispatch;
  pollDispatch: PollDispatch;
  /** Default: read from PostgreSQL. */
  readSourceStates?: ReadSourceStates;
  /** The URL that providers call: scheme, host and, behind a proxy, the path prefix. */
  publicUrl: string;
}

/** Timeout of a call, ms: longer than any statement's. The call is then answered 503. */
const DEADLINE_MS = 30_000;

/** The routes of the management API. Every route has a guard, and every body is JSON. */
export const apiRoutes: FastifyPluginAsync<ApiDeps> = async (server, deps) => {
  const shared = { database: auditCalls(server, deps.database), guards: deps.guards };
  const { keyRing, acceptor, takeQuota, checkActionHeaders, dispatch, publicUrl } = deps;
  const { refusedTarget = () => undefined } = deps;
  const { readSourceStates = createReadSourceStates(deps.database), pollDispatch } = deps;

  const share = shareByKey(deps.keyShare, () => deps.onRefused("key_share"));
  server.addHook("onRoute", (route) => {
    route.handlerTimeout ??= DEADLINE_MS;
    share(route);
  });
  redactForReadKeys(server);
  server.removeAllContentTypeParsers();
  // The same rules as for webhook bodies, so that every accepted body can be normalised.
  server.addContentTypeParser("application/json", { parseAs: "buffer" }, (request, body, done) => {
    const parsed = parseBody({ contentType: "application/json", body: body as Buffer });
    const { exact } = request.routeOptions.config;
    if (parsed.kind === "parsed") done(null, withPlainFields(parsed.data, exact));
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
  const actionRules = { checkActionHeaders, refusedTarget };
  await server.register(flowRoutes, { ...shared, keyRing, actionRules });
  await server.register(deploymentRoutes, shared);
  await server.register(acceptEventsRoute, { ...shared, acceptor, takeQuota });
  await server.register(secretRoutes, { ...shared, keyRing });
  await server.register(eventRoutes, shared);
  await server.register(erasureRoutes, { ...shared, dispatch });
  await server.register(flowTestRoutes, shared);
  await server.register(rejectionRoutes, shared);
  await server.register(runRoutes, shared);
  await server.register(breakerRoutes, shared);
  await server.register(runActionRoutes, { ...shared, takeQuota, dispatch });
  await server.register(deadLetterRoutes, shared);
  await server.register(deadLetterReplayRoutes, { ...shared, dispatch });
  await server.register(bulkReplayRoutes, shared);
  await server.register(deadLetterGroupRoutes, shared);
  await server.register(deadLetterForecastRoutes, shared);
  await server.register(dlqPolicyRoutes, { ...shared, refusedTarget });
  await server.register(sourceRoutes, { ...shared, keyRing, readSourceStates, refusedTarget });
  await server.register(sourcePollRoutes, { ...shared, pollDispatch });
  await server.register(sourceHoldRoutes, { ...shared, pollDispatch });
  await server.register(alertRoutes, shared);
  await server.register(keyRoutes, shared);
  await server.register(auditRoutes, shared);
};
