import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import type { FastifyReply } from "fastify";
import { type Static, Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import { SliceBudget } from "../../domain/slices.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import { findDeadLetter, listDeadLetters } from "../../postgres/dead-letters/dead-letters.ts";
import { nextTurn } from "../../runtime/turns.ts";
import type { Guards } from "../access/authenticate.ts";
import { asFoundPage, readCursor } from "../cursor.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { Id, reference, TenantParams, Uuid } from "../field-schemas.ts";
import { idAt } from "../instant.ts";
import { DEFAULT_LIMIT, foundPageOf, MAX_PAGE_BYTES, pageQuery } from "../page-schema.ts";
import { sendWithTexts } from "../server/json-text.ts";
import { asDeadLetter, DeadLetter } from "./dead-letter-schema.ts";
import { DEAD_LETTER_FILTERS } from "./filters.ts";

const tags = ["Dead letters"];

const Query = pageQuery(DEAD_LETTER_FILTERS);

/** Routes that show the dead letters of a tenant, or all of them to an administrator. */
export const deadLetterRoutes: FastifyPluginAsyncTypebox<{ database: Database; guards: Guards }> = async (
  server,
  { database, guards },
) => {
  server.get(
    "/tenants/:tenant_id/dlq",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "The dead letters of a tenant, newest first",
        params: TenantParams,
        querystring: Query,
        response: { 200: foundPageOf(reference(DeadLetter)), ...ERROR_RESPONSES },
      },
    },
    async ({ params: { tenant_id: tenantId }, query }, reply) =>
      await sendPage(reply, await database.withTenant(tenantId, (tx) => list(tx, tenantId, query))),
  );

  server.get(
    "/dlq",
    {
      onRequest: guards.installation("admin"),
      schema: {
        tags,
        summary: "The dead letters of every tenant, newest first",
        querystring: Query,
        response: { 200: foundPageOf(reference(DeadLetter)), ...ERROR_RESPONSES },
      },
    },
    async ({ query }, reply) =>
      await sendPage(reply, await database.transaction((transaction) => list(transaction, undefined, query))),
  );

  server.get(
    "/tenants/:tenant_id/dlq/:id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "A dead letter",
        params: Type.Object({ tenant_id: Id, id: Uuid }),
        response: { 200: reference(DeadLetter), ...ERROR_RESPONSES },
      },
    },
    async ({ params }, reply) => {
      const letter = await database.withTenant(params.tenant_id, (transaction) =>
        findDeadLetter(transaction, params.tenant_id, params.id),
      );
      if (letter === undefined) throw new HeadraceError("not_found", `There is no dead letter ${params.id}`);
      const { shown, texts } = await asDeadLetter(letter);
      return sendWithTexts(reply, shown, texts);
    },
  );
};

async function list(transaction: Queryable, tenantId: string | undefined, query: Static<typeof Query>) {
  const [beforeId] = readCursor(query.cursor, Type.Tuple([Uuid])) ?? [];
  return await listDeadLetters(transaction, {
    tenantId,
    flowId: query.flow,
    connector: query.connector,
    stage: query.stage,
    status: query.status,
    fingerprint: query.fingerprint,
    sinceId: idAt(query.since),
    untilId: idAt(query.until),
    beforeId,
    limit: query.limit ?? DEFAULT_LIMIT,
    maxBytes: MAX_PAGE_BYTES,
  });
}

async function sendPage(reply: FastifyReply, page: Awaited<ReturnType<typeof list>>): Promise<FastifyReply> {
  const items: Awaited<ReturnType<typeof asDeadLetter>>[] = [];
  const budget = new SliceBudget();
  for (const letter of page.rows) {
    items.push(await asDeadLetter(letter));
    if (budget.spend(letter.payload?.length ?? 0)) await nextTurn();
  }
  return sendWithTexts(
    reply,
    asFoundPage(page, (_letter, index) => items[index]?.shown),
    items.flatMap(({ texts }) => texts),
  );
}
