import { AsyncLocalStorage } from "node:async_hooks";
import type { FastifyInstance, FastifyRequest, RouteHandlerMethod } from "fastify";
import { differenceOf } from "../../domain/audit-difference.ts";
import { insertAuditEntry, noteChanges, readChanges } from "../../postgres/access/audit.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";

/** A running call that may change something. */
interface Call {
  request: FastifyRequest;
  /** True once a committed transaction of the call has written the audit row. */
  recorded: boolean;
}

const READING = new Set(["GET", "HEAD", "OPTIONS"]);

/**
 * Makes the server write an audit row for each call that changes something. Route handlers must use the returned
 * database: the first transaction of a call that writes anything also writes the row. Call this before routes are
 * registered.
 */
export function auditCalls(server: FastifyInstance, database: Database): Database {
  const calls = new AsyncLocalStorage<Call>();
  server.addHook("onRoute", (route) => {
    if ([route.method].flat().every((method) => READING.has(method))) return;
    const handler: RouteHandlerMethod = route.handler;
    route.handler = function audited(request, reply) {
      return calls.run({ request, recorded: false }, () => handler.call(this, request, reply));
    };
  });

  async function recorded<Result>(
    work: (transaction: Queryable) => Promise<Result>,
    run: (work: (transaction: Queryable) => Promise<Result>) => Promise<Result>,
  ): Promise<Result> {
    const call = calls.getStore();
    if (call === undefined || call.recorded) return await run(work);
    let wrote = false;
    const result = await run(async (transaction) => {
      await noteChanges(transaction);
      const made = await work(transaction);
      wrote = await record(transaction, call.request, made);
      return made;
    });
    call.recorded = wrote;
    return result;
  }

  return {
    ...database,
    transaction: (work) => recorded(work, (audited) => database.transaction(audited)),
    withTenant: (tenantId, work) => recorded(work, (audited) => database.withTenant(tenantId, audited)),
  };
}

/** Writes the audit row if the transaction wrote something, and returns whether it did. */
async function record(transaction: Queryable, request: FastifyRequest, made: unknown): Promise<boolean> {
  const changes = await readChanges(transaction);
  if (changes === undefined) return false;
  const { method, routeOptions, params, apiKey, id } = request;
  const template = (routeOptions.url ?? "").replace(/^\/api\/v1/, "");
  await insertAuditEntry(transaction, {
    tenantId: (params as { tenant_id?: string }).tenant_id,
    key: { id: apiKey?.id, name: apiKey?.name ?? "" },
    route: `${method} ${template}`,
    object: objectOf(template, params as Record<string, string>, made),
    difference: differenceOf(changes),
    requestId: id,
  });
  return true;
}

/**
 * Returns the object of a call from its path, without the tenant and the action: `flows/orders` for
 * `/tenants/acme/flows/orders/deploy`. A new object with a generated id is named by that id.
 */
function objectOf(template: string, params: Record<string, string>, made: unknown): string {
  const parts = template.split("/").slice(1);
  const own = parts[1] === ":tenant_id" && parts.length > 2 ? parts.slice(2) : parts;
  const last = own.findLastIndex((part) => part.startsWith(":"));
  if (last >= 0)
    return own
      .slice(0, last + 1)
      .map((part) => fill(part, params))
      .join("/");
  const { id } = (made ?? {}) as { id?: unknown };
  return typeof id === "string" ? `${own[0]}/${id}` : own.join("/");
}

function fill(part: string, params: Record<string, string>): string {
  return part.startsWith(":") ? (params[part.slice(1)] ?? "") : part;
}
