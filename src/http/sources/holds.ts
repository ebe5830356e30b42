import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database } from "../../postgres/core/database.ts";
import { decideHold, listHolds } from "../../postgres/sources/holds.ts";
import { requestPoll } from "../../postgres/sources/poll-requests.ts";
import { findSource } from "../../postgres/sources/sources.ts";
import type { Guards } from "../access/authenticate.ts";
import { pageOfRows, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference, Uuid } from "../field-schemas.ts";
import { DEFAULT_LIMIT, pageOf, pageQuery } from "../page-schema.ts";
import { asHold, Hold, HoldParams } from "./hold-schema.ts";
import type { PollDispatch } from "./polls.ts";
import { SourceParams } from "./source-schema.ts";
import { noSource } from "./sources.ts";

const tags = ["Sources"];

const DECISIONS = [
  {
    action: "approve",
    decision: "approved",
    summary: "Approve the held deletions and poll again: no more are deleted than the hold counts",
  },
  {
    action: "reject",
    decision: "rejected",
    summary:
      "Reject the held deletions: the records stay tracked, and further missing records open a new hold",
  },
] as const;

/** Routes that show the held deletions of a source and decide on them. */
export const sourceHoldRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  pollDispatch: PollDispatch;
}> = async (server, { database, guards, pollDispatch }) => {
  server.get(
    "/tenants/:tenant_id/sources/:source/holds",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The held deletions of a source, newest first",
        params: SourceParams,
        querystring: pageQuery({}),
        response: { 200: pageOf(reference(Hold)), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { limit = DEFAULT_LIMIT, cursor } }) => {
      const [beforeId] = readCursor(cursor, Type.Tuple([Uuid])) ?? [];
      const name = { tenantId: params.tenant_id, source: params.source };
      const holds = await database.withTenant(name.tenantId, async (transaction) => {
        if ((await findSource(transaction, name)) === undefined) throw noSource(name);
        return await listHolds(transaction, name, { beforeId, limit: limit + 1 });
      });
      return pageOfRows(holds, limit, (hold) => [hold.id], asHold);
    },
  );

  for (const { action, decision, summary } of DECISIONS) {
    server.post(
      `/tenants/:tenant_id/sources/:source/holds/:hold_id/${action}`,
      {
        onRequest: guards.tenant("write"),
        schema: {
          tags,
          summary,
          params: HoldParams,
          response: { 200: reference(Hold), ...ERROR_RESPONSES },
        },
      },
      async ({ params }) => {
        const name = { tenantId: params.tenant_id, source: params.source };
        const { hold, request } = await database.withTenant(name.tenantId, async (transaction) => {
          const decided = await decideHold(transaction, name, params.hold_id, decision);
          const again = decided?.state === "approved" ? await requestPoll(transaction, name) : undefined;
          return { hold: decided, request: again };
        });
        if (hold === undefined) {
          throw new HeadraceError("not_found", `Source ${name.source} has no open hold ${params.hold_id}`);
        }
        if (request?.kind === "requested" && !request.isRunning) pollDispatch.pollNow(name);
        return asHold(hold);
      },
    );
  }
};
