import { randomUUID } from "node:crypto";
import { type ErrorDetail, HeadraceError } from "../../domain/errors.ts";
import { storedAccounts } from "../../pipeline/receive/account-name.ts";
import { endpointSecretAad, schemeOf } from "../../pipeline/receive/endpoint-cache.ts";
import { haveEqualSecret } from "../../pipeline/receive/schemes/equal-secrets.ts";
import { readPastedSecret, sharedKeyBytes } from "../../pipeline/receive/schemes/forms/pasted-secret.ts";
import type { Scheme } from "../../pipeline/receive/schemes/scheme.ts";
import { findConnector } from "../../postgres/access/connectors.ts";
import {
  countAccountEndpoints,
  deleteEndpoint,
  type EndpointSettings,
  findEndpoint,
  findShownSecret,
  listAccountSecrets,
  listEndpointSecrets,
  type NewSecret,
  putEndpoint,
  rotateSecret,
  type StoredEndpoint,
} from "../../postgres/access/endpoints.ts";
import type { EndpointName } from "../../postgres/access/receiving-endpoints.ts";
import { raiseCounter } from "../../postgres/core/change-counters.ts";
import type { Database, Queryable } from "../../postgres/core/database.ts";
import type { KeyRing } from "../../postgres/core/key-ring.ts";
import { MAX_ENDPOINTS_OF_ACCOUNT, MAX_SECRETS } from "./endpoint-schema.ts";

/** Changes endpoints. Every receiver notices a change before it commits another delivery. */
export interface EndpointChanges {
  /**
   * Throws `not_found` for an unknown connector, `invalid_request` if it does not take the endpoint's params,
   * `unprocessable` if it cannot use a secret, and `conflict` if another endpoint has the same account and the same
   * secret. `rotate` throws the last two as well. Without `secrets` the endpoint keeps those that it has: no caller can
   * read them back. An empty list clears them.
   */
  put(
    name: EndpointName,
    settings: EndpointSettings,
    secrets: readonly { value: string; not_after?: string }[] | undefined,
  ): Promise<StoredEndpoint>;
  rotate(name: EndpointName, value: string, overlapSeconds: number): Promise<StoredEndpoint>;
  delete(name: EndpointName): Promise<void>;
  /** Returns the captured secret of a handshake, which a person must give back to the provider. Throws `not_found`. */
  shownSecret(name: EndpointName): Promise<{ secret: string; capturedAt: Date; shownUntil: Date }>;
}

/** Creates the changes of endpoints. */
export function createEndpointChanges({
  database,
  keyRing,
}: {
  database: Database;
  keyRing: KeyRing;
}): EndpointChanges {
  function change<Result>(
    name: EndpointName,
    work: (transaction: Queryable) => Promise<Result>,
  ): Promise<Result> {
    return database.withTenant(name.tenantId, async (transaction) => {
      // Locks the counter first, so that the connector does not change before the commit.
      await raiseCounter(transaction, "receive");
      return await work(transaction);
    });
  }

  function seal(
    name: EndpointName,
    scheme: Scheme,
    secret: { value: string; not_after?: string },
  ): NewSecret {
    const id = randomUUID();
    const notAfter = secret.not_after === undefined ? undefined : new Date(secret.not_after);
    const keyBytes = sharedKeyBytes(scheme, secret.value);
    return { id, notAfter, keyBytes, ...keyRing.seal(secret.value, endpointSecretAad(name, id)) };
  }

  /**
   * Throws `conflict` if another endpoint has the same account and an equal secret. The counter's row is locked, so
   * that the result stays valid until the commit. Uses a connection of its own: the secrets of other tenants are not
   * visible in the transaction.
   */
  async function refuseSameAccount(
    name: EndpointName,
    account: string | undefined,
    { webhook, params }: { webhook: unknown; params: Record<string, string | number | boolean> },
    secrets: readonly { value: string }[],
  ): Promise<void> {
    if (account === undefined || secrets.length === 0) return;
    const found = (
      await Promise.all(
        storedAccounts(account).map((stored) => listAccountSecrets(database.pipeline, stored, name)),
      )
    ).flat();
    const scheme = schemeOf(webhook, params);
    const given = secrets.map(({ value }) => ({ scheme, value }));
    const others = found.flatMap((other) => {
      try {
        const value = keyRing.open(other, endpointSecretAad(other.name, other.id));
        return { scheme: schemeOf(webhook, other.params), value };
      } catch {
        // A secret that cannot be decrypted, or has params of an earlier preset, verifies no delivery either.
        return [];
      }
    });
    if (!haveEqualSecret(given, others)) return;
    throw new HeadraceError(
      "conflict",
      "Another endpoint of the connector has the same account and secret: use a different secret for this one",
    );
  }

  /** Returns the valid secrets that an endpoint has. One that cannot be decrypted verifies no delivery and is left out. */
  async function keptSecrets(transaction: Queryable, name: EndpointName): Promise<{ value: string }[]> {
    const stored = await listEndpointSecrets(transaction, name);
    return stored.flatMap((secret) => {
      try {
        return { value: keyRing.open(secret, endpointSecretAad(name, secret.id)) };
      } catch {
        return [];
      }
    });
  }

  return {
    put: (name, settings, pasted) =>
      change(name, async (transaction) => {
        const { account, params } = settings;
        const webhook = await checkParams(transaction, name, params);
        const scheme = schemeOf(webhook, params);
        const secrets = pasted && readSecrets(scheme, pasted, (index) => `secrets.${index}.value`);
        await refuseManyOfAccount(transaction, name, account);
        const used = secrets ?? (account === undefined ? [] : await keptSecrets(transaction, name));
        await refuseSameAccount(name, account, { webhook, params }, used);
        const sealed = secrets?.map((secret) => seal(name, scheme, secret));
        await putEndpoint(transaction, name, settings, sealed);
        return await readBack(transaction, name);
      }),
    rotate: (name, pasted, overlapSeconds) =>
      change(name, async (transaction) => {
        const endpoint = await readBack(transaction, name);
        const scheme = schemeOf(endpoint.webhook, endpoint.params);
        const [secret] = readSecrets(scheme, [{ value: pasted }], () => "value");
        await refuseSameAccount(name, endpoint.account, endpoint, [secret]);
        const count = await rotateSecret(transaction, name, seal(name, scheme, secret), overlapSeconds);
        if (count <= MAX_SECRETS) return await readBack(transaction, name);
        throw new HeadraceError(
          "unprocessable",
          `The endpoint has ${MAX_SECRETS} unexpired secrets: wait for one to expire, or PUT a new list`,
        );
      }),
    delete: (name) =>
      change(name, async (transaction) => {
        if (!(await deleteEndpoint(transaction, name))) throw noEndpoint(name);
      }),
    async shownSecret(name) {
      const shown = await database.withTenant(name.tenantId, async (transaction) => {
        await readBack(transaction, name);
        return await findShownSecret(transaction, name);
      });
      if (shown === undefined)
        throw new HeadraceError("not_found", "There is no handshake secret that can be shown now");
      const { capturedAt, shownUntil } = shown;
      return { secret: keyRing.open(shown, endpointSecretAad(name, shown.id)), capturedAt, shownUntil };
    },
  };
}

/** Creates the error for a missing endpoint. */
export function noEndpoint({ tenantId, connector, endpoint }: EndpointName): HeadraceError {
  return new HeadraceError(
    "not_found",
    `Tenant ${tenantId} has no endpoint ${endpoint} of connector ${connector}`,
  );
}

async function readBack(transaction: Queryable, name: EndpointName): Promise<StoredEndpoint> {
  const endpoint = await findEndpoint(transaction, name);
  if (endpoint === undefined) throw noEndpoint(name);
  return endpoint;
}

/** Reads the secrets as they were pasted. Throws `unprocessable` if the scheme cannot use one of them. */
function readSecrets<Secrets extends readonly { value: string; not_after?: string }[]>(
  scheme: Scheme,
  pasted: Secrets,
  fieldOf: (index: number) => string,
): Secrets {
  const details: ErrorDetail[] = [];
  const secrets = pasted.map((secret, index) => {
    const read = readPastedSecret(scheme, secret.value);
    if (read.kind === "usable") return { ...secret, value: read.value };
    details.push({ field: fieldOf(index), expected: read.expected, got: "a secret of another form" });
    return secret;
  });
  if (details.length === 0) return secrets as unknown as Secrets;
  const sentence = details.map(({ field, expected }) => `${field} must be ${expected}`).join("; ");
  throw new HeadraceError(
    "unprocessable",
    `The connector cannot verify a delivery with this secret: ${sentence}. Copy it from the provider again`,
    { details },
  );
}

/** Checks the params against the connector, and returns its webhook. */
async function checkParams(
  transaction: Queryable,
  name: EndpointName,
  params: Record<string, string | number | boolean>,
): Promise<unknown> {
  const connector = await findConnector(transaction, name.connector);
  if (connector === undefined)
    throw new HeadraceError("not_found", `There is no connector ${name.connector}`);
  if (connector.webhook === undefined) {
    throw new HeadraceError("unprocessable", `Connector ${name.connector} receives no webhooks`);
  }
  schemeOf(connector.webhook, params);
  return connector.webhook;
}

async function refuseManyOfAccount(
  transaction: Queryable,
  name: EndpointName,
  account: string | undefined,
): Promise<void> {
  if (account === undefined) return;
  const count = await countAccountEndpoints(transaction, account, name);
  if (count < MAX_ENDPOINTS_OF_ACCOUNT) return;
  throw new HeadraceError(
    "unprocessable",
    `The tenant has ${MAX_ENDPOINTS_OF_ACCOUNT} endpoints of this account, the maximum: add secrets to one of them, or delete one`,
  );
}
