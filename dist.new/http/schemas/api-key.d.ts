import { type Static, Type } from "typebox";
import type { StoredApiKey } from "../../postgres/api-keys.ts";
/** What a POST of a key may set. */
export declare const ApiKeyInput: Type.TObject<{
    name: Type.TString;
    tenant_id: Type.TOptional<Type.TString>;
    scope: Type.TEnum<["read", "write", "admin"]>;
    expires_at: Type.TOptional<Type.TString>;
}>;
export declare const ApiKey: Type.TObject<{
    id: Type.TString;
    name: Type.TString;
    tenant_id: Type.TUnion<[Type.TString, Type.TNull]>;
    scope: Type.TEnum<["read", "write", "admin"]>;
    expires_at: Type.TUnion<[Type.TString, Type.TNull]>;
    created_at: Type.TString;
}>;
export declare const NewApiKey: Type.TObject<{
    id: Type.TString;
    name: Type.TString;
    tenant_id: Type.TUnion<[Type.TString, Type.TNull]>;
    scope: Type.TEnum<["read", "write", "admin"]>;
    expires_at: Type.TUnion<[Type.TString, Type.TNull]>;
    created_at: Type.TString;
    key: Type.TString;
}>;
export declare function asApiKey(key: StoredApiKey): Static<typeof ApiKey>;
