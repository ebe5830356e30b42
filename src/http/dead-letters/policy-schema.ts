import { type Static, Type } from "typebox";
import { DEFAULT_POLICY, type DlqPolicy } from "../../postgres/dead-letters/policies.ts";
import type { TargetRules } from "../../runtime/outgoing/index.ts";
import { checkUrl } from "../connectors/check-url.ts";
import { closed, Id, line } from "../field-schemas.ts";

const MAX_INTEGER = 2_147_483_647;

const fields = {
  auto_replay: Type.Optional(
    Type.Object(
      {
        enabled: Type.Boolean(),
        max_replays: Type.Optional(Type.Integer({ minimum: 1, maximum: 100 })),
        backoff: Type.Optional(Type.Enum(["exponential", "fixed"])),
        only: Type.Optional(
          Type.Object(
            {
              stage: Type.Optional(Type.Enum(["normalize", "route", "execute"])),
              fingerprint: Type.Optional(line(64)),
              flow: Type.Optional(Id),
            },
            closed,
          ),
        ),
      },
      closed,
    ),
  ),
  retention_days: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650, default: 30 })),
  unmatched: Type.Optional(
    Type.Enum(["dlq", "drop"], {
      default: "dlq",
      description: "dlq or drop: the handling of events that match no trigger",
    }),
  ),
  alert: Type.Optional(
    Type.Object(
      {
        depth: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_INTEGER })),
        oldest_seconds: Type.Optional(Type.Integer({ minimum: 1, maximum: MAX_INTEGER })),
        webhook_url: Type.Optional(Type.String({ pattern: "^https?://", maxLength: 2_048 })),
      },
      closed,
    ),
  ),
};

/** The body of a PUT of a policy. */
export const DlqPolicyInput = Type.Object(fields, closed);

/** A policy in responses. */
export const ShownDlqPolicy = Type.Object(fields, { $id: "DlqPolicy" });

/** Returns the policy to be stored, with all defaults. Throws `unprocessable` for a URL that cannot be called. */
export function asPolicy(input: Static<typeof DlqPolicyInput>, refusedTarget: TargetRules): DlqPolicy {
  if (input.alert?.webhook_url !== undefined)
    checkUrl("alert.webhook_url", input.alert.webhook_url, refusedTarget);
  return { ...DEFAULT_POLICY, ...input };
}
