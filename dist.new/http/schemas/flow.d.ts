import { type Static, Type } from "typebox";
import { type FlowDefinition } from "../../domain/flow.ts";
import type { StoredFlow } from "../../postgres/flows.ts";
/** What a PUT of a flow may set. */
export declare const FlowInput: Type.TObject<{
    name: Type.TOptional<Type.TString>;
    trigger: Type.TObject<{
        connector: Type.TOptional<Type.TString>;
        event_types: Type.TOptional<Type.TArray<Type.TString>>;
        priority: Type.TOptional<Type.TUnsafe<1 | 2 | 3 | 4>>;
        where: Type.TOptional<Type.TUnknown>;
    }>;
    action: Type.TUnion<[Type.TObject<{
        type: Type.TLiteral<"http">;
        url: Type.TString;
        method: Type.TOptional<Type.TEnum<["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"]>>;
        headers: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
        body: Type.TOptional<Type.TString>;
        timeout_ms: Type.TOptional<Type.TInteger>;
    }>, Type.TObject<{
        type: Type.TLiteral<"code">;
        handler: Type.TString;
    }>]>;
    retry: Type.TOptional<Type.TObject<{
        max_attempts: Type.TOptional<Type.TInteger>;
        backoff: Type.TOptional<Type.TEnum<["exponential", "fixed"]>>;
        delay_ms: Type.TOptional<Type.TInteger>;
        max_delay_ms: Type.TOptional<Type.TInteger>;
    }>>;
    signing_secret: Type.TOptional<Type.TString>;
}>;
export declare const Flow: Type.TObject<{
    id: Type.TString;
    tenant_id: Type.TString;
    name: Type.TOptional<Type.TString>;
    trigger: Type.TObject<{
        connector: Type.TOptional<Type.TString>;
        event_types: Type.TOptional<Type.TArray<Type.TString>>;
        priority: Type.TOptional<Type.TUnsafe<1 | 2 | 3 | 4>>;
        where: Type.TOptional<Type.TUnknown>;
    }>;
    where_text: Type.TOptional<Type.TString>;
    action: Type.TUnion<[Type.TObject<{
        type: Type.TLiteral<"http">;
        url: Type.TString;
        method: Type.TOptional<Type.TEnum<["POST", "PUT", "PATCH", "DELETE", "GET", "HEAD"]>>;
        headers: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
        body: Type.TOptional<Type.TString>;
        timeout_ms: Type.TOptional<Type.TInteger>;
    }>, Type.TObject<{
        type: Type.TLiteral<"code">;
        handler: Type.TString;
    }>]>;
    retry: Type.TObject<{
        max_attempts: Type.TOptional<Type.TInteger>;
        backoff: Type.TOptional<Type.TEnum<["exponential", "fixed"]>>;
        delay_ms: Type.TOptional<Type.TInteger>;
        max_delay_ms: Type.TOptional<Type.TInteger>;
    }>;
    version: Type.TInteger;
    deployed: Type.TBoolean;
    deployed_version: Type.TUnion<[Type.TInteger, Type.TNull]>;
    signing_secret: Type.TOptional<Type.TString>;
    created_at: Type.TString;
    updated_at: Type.TString;
}>;
export declare const FlowParams: Type.TObject<{
    tenant_id: Type.TString;
    flow: Type.TString;
}>;
export declare function asFlow(flow: StoredFlow, signingSecret?: string): Static<typeof Flow>;
/** The definition that is stored, with every default filled in. */
export declare function asDefinition(input: Static<typeof FlowInput>, where: FlowDefinition["trigger"]["where"]): FlowDefinition;
