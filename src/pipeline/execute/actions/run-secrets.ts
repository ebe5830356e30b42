import { HeadraceError } from "../../../domain/errors.ts";
import type { FlowAction } from "../../../domain/flow/flow.ts";
import { loadSecrets, type SecretName, secretAad } from "../../../postgres/access/secrets.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import type { KeyRing, Sealed } from "../../../postgres/core/key-ring.ts";
import { secretNamesOf } from "./action-templates.ts";

/** A tenant's secrets by name. Unknown names are absent. */
export type Secrets = Readonly<Record<string, string>>;

interface RunWithAction {
  tenantId: string;
  action: FlowAction;
}

/** Loads the secrets of a batch of runs. The result is undefined for a run with a secret that cannot be decrypted. */
export type LoadRunSecrets = (
  runs: readonly RunWithAction[],
) => Promise<(run: RunWithAction) => Secrets | undefined>;

/** Loads secrets in one query, or in none if no action uses any. Decrypted secrets live as long as their batch. */
export function createRunSecrets(database: Queryable, keyRing: KeyRing): LoadRunSecrets {
  return async (runs) => {
    const wanted = new Map(
      runs.flatMap(({ tenantId, action }) =>
        secretNamesOf(action).map((name) => [secretAad({ tenantId, name }), { tenantId, name }] as const),
      ),
    );
    if (wanted.size === 0) return () => NONE;
    const opened = new Map<string, Record<string, string>>();
    const unopened = new Set<string>();
    for (const secret of await loadSecrets(database, [...wanted.values()])) {
      const own = opened.get(secret.tenantId) ?? {};
      const value = openSecret(keyRing, secret);
      if (value === undefined) unopened.add(secretAad(secret));
      else opened.set(secret.tenantId, { ...own, [secret.name]: value });
    }
    return ({ tenantId, action }) => {
      const isOpen = (name: string) => !unopened.has(secretAad({ tenantId, name }));
      if (unopened.size > 0 && !secretNamesOf(action).every(isOpen)) return undefined;
      return opened.get(tenantId) ?? NONE;
    };
  };
}

const NONE: Secrets = {};

/** Returns undefined if the secret's key is missing, so that the other runs of the batch go on. */
function openSecret(keyRing: KeyRing, secret: SecretName & Sealed): string | undefined {
  try {
    return keyRing.open(secret, secretAad(secret));
  } catch (error) {
    if (error instanceof HeadraceError) return undefined;
    throw error;
  }
}
