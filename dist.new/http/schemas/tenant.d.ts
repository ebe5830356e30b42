import { type Static, Type } from "typebox";
import type { StoredTenant, TenantSettings } from "../../postgres/tenants.ts";
/** What a PUT of a tenant may set. */
export declare const TenantInput: Type.TObject<{
    name: Type.TOptional<Type.TString>;
    weight: Type.TOptional<Type.TInteger>;
    limits: Type.TOptional<Type.TObject<{
        events_per_second: Type.TOptional<Type.TInteger>;
        max_backlog: Type.TOptional<Type.TInteger>;
    }>>;
    retention_days: Type.TOptional<Type.TInteger>;
}>;
export declare const Tenant: Type.TObject<{
    name: Type.TOptional<Type.TString>;
    weight: Type.TOptional<Type.TInteger>;
    limits: Type.TOptional<Type.TObject<{
        events_per_second: Type.TOptional<Type.TInteger>;
        max_backlog: Type.TOptional<Type.TInteger>;
    }>>;
    retention_days: Type.TOptional<Type.TInteger>;
    id: Type.TString;
    created_at: Type.TString;
    updated_at: Type.TString;
}>;
export declare function asTenantSettings(input: Static<typeof TenantInput>): TenantSettings;
export declare function asTenant(tenant: StoredTenant): Static<typeof Tenant>;
