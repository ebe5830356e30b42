import { HeadraceError } from "../../../domain/errors.ts";
import type { FlowAction } from "../../../domain/flow/flow.ts";
import { loadSecrets, type SecretName, secretAad } from "../../../postgres/access/secrets.ts";
import type { Queryable } from "../../../postgres/core/database.ts";
import type { KeyRing, Sealed } from "../../../postgres/core/key-ring.ts";
import { secretNamesOf } from "./action-templates.ts";

/** A tenant's secrets by name; one that does not exist is not there. */
export type Secrets = Readonly<Record<string, string>>;

interface TakingRun {
  tenantId: string;
  action: FlowAction;
}

/** The secrets that the actions of a batch of runs take; undefined for a run that takes one which cannot be opened. */
export type LoadRunSecrets = (runs: readonly TakingRun[]) => Promise<(run: TakingRun) => Secrets | undefined>;

/** Reads them in one query, and in none where no action takes any. What is opened lives as long as its batch. */
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

/** Undefined for a secret whose key is gone: it must not hold up the other runs of its batch. */
function openSecret(keyRing: KeyRing, secret: SecretName & Sealed): string | undefined {
  try {
    return keyRing.open(secret, secretAad(secret));
  } catch (error) {
    if (error instanceof HeadraceError) return undefined;
    throw error;
  }
}
