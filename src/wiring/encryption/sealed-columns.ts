import { endpointSecretAad } from "../../pipeline/receive/endpoint-cache.ts";
import { secretPlace } from "../../postgres/access/secrets.ts";
import type { SealedColumn } from "../../postgres/core/sealed-values.ts";
import { signingPlace } from "../../postgres/flows/flows.ts";
import { credentialsPlace } from "../../postgres/sources/sources.ts";

/** A sealed column with the place that each of its values is sealed with, from the named columns of the row. */
export interface PlacedColumn extends SealedColumn {
  columns: readonly string[];
  place: (row: Record<string, string>) => string;
}

const flowPlace = ({ tenant_id: tenantId = "", id: flowId = "" }: Record<string, string>) =>
  signingPlace({ tenantId, flowId });

/** Every column of the schema that holds sealed values. */
export const SEALED_COLUMNS: readonly PlacedColumn[] = [
  {
    table: "endpoint_secrets",
    sealed: "sealed",
    keyId: "key_id",
    primaryKey: { id: "uuid" },
    columns: ["id", "tenant_id", "connector", "endpoint"],
    place: ({ id = "", tenant_id: tenantId = "", connector = "", endpoint = "" }) =>
      endpointSecretAad({ tenantId, connector, endpoint }, id),
  },
  {
    table: "tenant_secrets",
    sealed: "sealed",
    keyId: "key_id",
    primaryKey: { tenant_id: "text", name: "text" },
    columns: ["tenant_id", "name"],
    place: ({ tenant_id: tenantId = "", name = "" }) => secretPlace({ tenantId, name }),
  },
  {
    table: "flows",
    sealed: "signing_sealed",
    keyId: "signing_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    place: flowPlace,
  },
  {
    table: "flows",
    sealed: "old_signing_sealed",
    keyId: "old_signing_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    place: flowPlace,
  },
  {
    table: "sources",
    sealed: "credentials_sealed",
    keyId: "credentials_key_id",
    primaryKey: { tenant_id: "text", id: "text" },
    columns: ["tenant_id", "id"],
    place: ({ tenant_id: tenantId = "", id: source = "" }) => credentialsPlace({ tenantId, source }),
  },
];
