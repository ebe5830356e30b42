import { type Static, Type } from "typebox";
import type { StoredPoll } from "../../postgres/sources/polls.ts";
import { Id, Instant, Uuid } from "../field-schemas.ts";

/** A poll in responses. */
export const Poll = Type.Object(
  {
    id: Uuid,
    status: Type.Enum(["running", "ok", "degraded", "held", "rate_limited", "error"]),
    complete: Type.Boolean({ description: "Whether every record was read." }),
    records: Type.Integer(),
    created: Type.Integer(),
    updated: Type.Integer(),
    deleted: Type.Integer(),
    restored: Type.Integer(),
    held: Type.Optional(Type.Object({ id: Type.String(), count: Type.Integer() })),
    error: Type.Optional(Type.Object({ code: Type.String(), message: Type.String() })),
    missed_by_webhook: Type.Optional(
      Type.Integer({
        description: "Changes that the connector's webhooks did not report, if there were any.",
      }),
    ),
    suggestions: Type.Optional(
      Type.Object(
        {
          new_fields: Type.Optional(Type.Array(Type.String())),
          ignore: Type.Optional(Type.Array(Type.String())),
        },
        {
          description:
            "Fields, as JSON pointers, that appeared in most records at once, and fields that change in nearly every poll and may belong on the ignore list.",
        },
      ),
    ),
    started_at: Instant,
    finished_at: Type.Optional(Instant),
  },
  { $id: "Poll" },
);

/** The path parameters of a poll. */
export const PollParams = Type.Object({ tenant_id: Id, source: Id, poll_id: Uuid });

/** Converts a stored poll to its API form. */
export function asPoll(poll: StoredPoll): Static<typeof Poll> {
  const { id, status, complete, records, created, updated, deleted, restored, held, error } = poll;
  return {
    id,
    status,
    complete,
    records,
    created,
    updated,
    deleted,
    restored,
    ...(held !== undefined && { held }),
    ...(error !== undefined && { error }),
    ...(poll.missedByWebhook > 0 && { missed_by_webhook: poll.missedByWebhook }),
    ...(poll.suggestions !== undefined && { suggestions: poll.suggestions }),
    started_at: new Date(poll.startedAtMs).toISOString(),
    ...(poll.finishedAtMs !== undefined && { finished_at: new Date(poll.finishedAtMs).toISOString() }),
  };
}
