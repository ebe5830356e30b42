import type { FastifyPluginAsyncTypebox } from "@fastify/type-provider-typebox";
import { Type } from "typebox";
import { HeadraceError } from "../../domain/errors.ts";
import type { Database } from "../../postgres/core/database.ts";
import { type PollRequest, requestPoll } from "../../postgres/sources/poll-requests.ts";
import { findPoll, finishPoll, type StoredPoll } from "../../postgres/sources/polls.ts";
import { findSource, type SourceName } from "../../postgres/sources/sources.ts";
import { delay } from "../../runtime/delay.ts";
import type { Guards } from "../access/authenticate.ts";
import { ERROR_RESPONSES } from "../errors.ts";
import { reference, Uuid } from "../field-schemas.ts";
import { asPoll, Poll, PollParams } from "./poll-schema.ts";
import { SourceParams } from "./source-schema.ts";
import { noSource } from "./sources.ts";

/** Sends requested polls to a poller at once. A lost request is found a little later. */
export interface PollDispatch {
  /** Notifies the pollers in all processes. Never throws. */
  pollNow(source: SourceName): void;
  /** Polls stored per source. */
  keptPolls: number;
}

const tags = ["Sources"];

/** Longest wait of a call with `wait`, ms. The poll continues afterwards. */
const MAX_WAIT_MS = 50_000;
/** Intervals between two checks whether the poll has ended, ms: growing from the first to the last. */
const LOOK_MS = { first: 50, last: 500 };

/** Routes that poll a source now and show the result of a poll. */
export const sourcePollRoutes: FastifyPluginAsyncTypebox<{
  database: Database;
  guards: Guards;
  pollDispatch: PollDispatch;
}> = async (server, { database, guards, pollDispatch }) => {
  server.post(
    "/tenants/:tenant_id/sources/:source/poll",
    {
      onRequest: guards.tenant("write"),
      handlerTimeout: MAX_WAIT_MS + 10_000,
      config: { waits: true },
      schema: {
        tags,
        summary: "Poll a source now, regardless of its back-off, or join the running poll",
        description:
          "Nothing is sent before a Retry-After of the provider ends: the poll is then rate_limited at once. With wait=true the response is the result of the poll, or 202 after 50 s while the poll continues.",
        params: SourceParams,
        querystring: Type.Object({ wait: Type.Optional(Type.Enum(["true", "false"])) }),
        response: { 200: reference(Poll), 202: Type.Object({ poll_id: Uuid }), ...ERROR_RESPONSES },
      },
    },
    async ({ params, query: { wait }, raw }, reply) => {
      const name = { tenantId: params.tenant_id, source: params.source };
      const request = await database.withTenant(name.tenantId, async (transaction) => {
        const requested = await requestPoll(transaction, name);
        // Nothing was changed: the transaction is rolled back.
        if (requested?.kind === "disabled") throw disabled(name);
        if (requested?.kind === "held")
          await finishPoll(transaction, name, rateLimitedPoll(requested), pollDispatch.keptPolls);
        return requested;
      });
      if (request === undefined) throw noSource(name);
      if (request.kind === "requested" && !request.isRunning) pollDispatch.pollNow(name);
      const { pollId } = request;
      const ended = wait === "true" ? await endedPoll(name, pollId, () => raw.destroyed) : undefined;
      return ended === undefined
        ? reply.code(202).send({ poll_id: pollId })
        : reply.code(200).send(asPoll(ended));
    },
  );

  server.get(
    "/tenants/:tenant_id/sources/:source/polls/:poll_id",
    {
      onRequest: guards.tenant("read"),
      schema: {
        tags,
        summary: "A poll and its result",
        params: PollParams,
        response: { 200: reference(Poll), ...ERROR_RESPONSES },
      },
    },
    async ({ params }) => {
      const name = { tenantId: params.tenant_id, source: params.source };
      const found = await database.withTenant(name.tenantId, async (transaction) => ({
        source: await findSource(transaction, name),
        poll: await findPoll(transaction, name, params.poll_id),
      }));
      if (found.source === undefined) throw noSource(name);
      if (found.poll !== undefined) return asPoll(found.poll);
      throw new HeadraceError(
        "not_found",
        `Source ${name.source} has no poll ${params.poll_id}: it has not begun yet, or is no longer stored`,
      );
    },
  );

  /** Waits for the end of a poll. Resolves with undefined after the longest wait, or if the client has disconnected. */
  async function endedPoll(
    name: SourceName,
    pollId: string,
    isGone: () => boolean,
  ): Promise<StoredPoll | undefined> {
    const deadline = performance.now() + MAX_WAIT_MS;
    for (let waitMs = LOOK_MS.first; performance.now() < deadline && !isGone(); ) {
      const poll = await database.withTenant(name.tenantId, (transaction) =>
        findPoll(transaction, name, pollId),
      );
      if (poll !== undefined && poll.status !== "running") return poll;
      await delay(waitMs);
      waitMs = Math.min(LOOK_MS.last, waitMs * 1.5);
    }
    return undefined;
  }
};

/** Creates a finished poll that sent nothing because the provider asked to wait. */
function rateLimitedPoll({ pollId, waitMs }: Extract<PollRequest, { kind: "held" }>): StoredPoll {
  const now = Date.now();
  return {
    id: pollId,
    status: "rate_limited",
    complete: false,
    first: false,
    records: 0,
    created: 0,
    updated: 0,
    deleted: 0,
    restored: 0,
    missedByWebhook: 0,
    pages: 0,
    unchangedPages: 0,
    requests: 0,
    held: undefined,
    suggestions: undefined,
    rateLimit: undefined,
    notBeforeMs: now + waitMs,
    error: {
      code: "rate_limited",
      message: `The provider asked to send nothing for another ${Math.ceil(waitMs / 1_000)} s`,
    },
    startedAtMs: now,
    finishedAtMs: now,
  };
}

function disabled({ source }: SourceName): HeadraceError {
  return new HeadraceError("conflict", `Source ${source} is disabled, or its connector has no source`);
}
