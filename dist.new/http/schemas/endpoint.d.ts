import { type Static, Type } from "typebox";
import type { StoredEndpoint } from "../../postgres/endpoints.ts";
/** An endpoint has no more secrets: each is tried on each delivery. */
export declare const MAX_SECRETS = 8;
/** What a PUT of an endpoint may set. Its secrets are those given, in place of all that it had. */
export declare const EndpointInput: Type.TObject<{
    account: Type.TOptional<Type.TString>;
    params: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
    enabled: Type.TOptional<Type.TBoolean>;
    secrets: Type.TOptional<Type.TArray<Type.TObject<{
        value: Type.TString;
        not_after: Type.TOptional<Type.TString>;
    }>>>;
}>;
export declare const RotateInput: Type.TObject<{
    value: Type.TString;
    overlap_seconds: Type.TOptional<Type.TInteger>;
}>;
export declare const Endpoint: Type.TObject<{
    account: Type.TOptional<Type.TString>;
    params: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
    enabled: Type.TOptional<Type.TBoolean>;
    tenant_id: Type.TString;
    connector: Type.TString;
    endpoint: Type.TString;
    status: Type.TEnum<["pending", "active", "disabled"]>;
    url: Type.TString;
    app_url: Type.TString;
    secrets: Type.TArray<Type.TObject<{
        created_at: Type.TString;
        not_after: Type.TUnion<[Type.TString, Type.TNull]>;
    }>>;
    created_at: Type.TString;
    updated_at: Type.TString;
}>;
export declare function asEndpoint(endpoint: StoredEndpoint, publicUrl: string): Static<typeof Endpoint>;
