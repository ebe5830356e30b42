import type { FlowAction } from "../../domain/flow.ts";
import type { Queryable } from "../../postgres/database.ts";
import type { KeyRing, Sealed } from "../../postgres/key-ring.ts";
import { loadSecrets, type SecretName, secretPlace } from "../../postgres/secrets.ts";
import { secretNamesOf } from "./action-templates.ts";

/** A tenant's secrets by name; one that does not exist, or does not open, is not there. */
export type Secrets = Readonly<Record<string, string>>;

/** The secrets that the actions of a batch of runs take, each tenant its own. */
export type LoadRunSecrets = (
  runs: readonly { tenantId: string; action: FlowAction }[],
) => Promise<(tenantId: string) => Secrets>;

/** Reads them in one query, and in none where no action takes any. What is opened lives as long as its batch. */
export function createRunSecrets(database: Queryable, keyRing: KeyRing): LoadRunSecrets {
  return async (runs) => {
    const wanted = new Map(
      runs.flatMap(({ tenantId, action }) =>
        secretNamesOf(action).map((name) => [secretPlace({ tenantId, name }), { tenantId, name }] as const),
      ),
    );
    if (wanted.size === 0) return () => NONE;
    const opened = new Map<string, Record<string, string>>();
    for (const secret of await loadSecrets(database, [...wanted.values()])) {
      const own = opened.get(secret.tenantId) ?? {};
      opened.set(secret.tenantId, { ...own, ...openedSecret(keyRing, secret) });
    }
    return (tenantId) => opened.get(tenantId) ?? NONE;
  };
}

const NONE: Secrets = {};

/** Nothing for a secret whose key is gone: it must not hold up the other runs of its batch. */
function openedSecret(keyRing: KeyRing, secret: SecretName & Sealed): Secrets {
  try {
    return { [secret.name]: keyRing.open(secret, secretPlace(secret)) };
  } catch {
    return NONE;
  }
}
