import { endpointSecretAad } from "../../pipeline/receive/endpoint-cache.ts";
import { secretAad } from "../../postgres/access/secrets.ts";
import type { SealedColumn } from "../../postgres/core/sealed-values.ts";
import { signingSecretAad } from "../../postgres/flows/flows.ts";
import { credentialsAad } from "../../postgres/sources/sources.ts";

/** A column of sealed values. `aadOf` derives the AAD of a value from the columns in `columns`. */
export interface SecretColumn extends SealedColumn {
  columns: readonly string[];
  aadOf: (row: Record<string, string>) => string;
}

const flowAad = ({ tenant_id: tenantId = "", id: flowId = "" }: Record<string, string>) =>
  signingSecretAad({ tenantId, flowId });

/** All columns of the schema with sealed values. */
export const SEALED_COLUMNS: readonly SecretColumn[] = [
  {
    table: "endpoint_secrets",
    sealed: "sealed",
    keyId: "key_id",
    primaryKey: { id: "uuid" },
    columns: ["id", "tenant_id", "connector", "endpoint"],
    aadOf: ({ id = "", tenant_id: tenantId = "", connector = "", endpoint = "" }) =>
      endpointSecretAad({ tenantId, connector, endpoint }, id),
  },
  {
    table: "tenant_secrets",
    sealed: "sealed",
    keyId: "key_id",
    primaryKey: { tenant_id: "text", name: "text" },
    columns: ["tenant_id", "name"],
    aadOf: ({ tenant_id: tenantId = "", name = "" }) => secretAad({ tenantId, name }),
  },
  {
    table: "flows",
    sealed: "signing_sealed",
    keyId: "signing_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    aadOf: flowAad,
  },
  {
    table: "flows",
    sealed: "old_signing_sealed",
    keyId: "old_signing_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    aadOf: flowAad,
  },
  {
    table: "sources",
    sealed: "credentials_sealed",
    keyId: "credentials_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    aadOf: ({ tenant_id: tenantId = "", id: source = "" }) => credentialsAad({ tenantId, source }),
  },
];
