import { type Static, Type } from "typebox";
import { type StoredRun } from "../../postgres/run-list.ts";
export declare const Run: Type.TObject<{
    id: Type.TString;
    tenant_id: Type.TString;
    flow_id: Type.TString;
    flow_version: Type.TInteger;
    event_id: Type.TString;
    replay: Type.TInteger;
    priority: Type.TUnsafe<1 | 2 | 3 | 4>;
    status: Type.TEnum<["queued", "running", "succeeded", "failed", "dead", "cancelled"]>;
    error: Type.TUnion<[Type.TObject<{
        code: Type.TString;
        message: Type.TString;
    }>, Type.TNull]>;
    attempts: Type.TArray<Type.TObject<{
        attempt: Type.TInteger;
        outcome: Type.TEnum<["done", "retry", "dead", "lost"]>;
        error: Type.TUnion<[Type.TObject<{
            code: Type.TString;
            message: Type.TString;
        }>, Type.TNull]>;
        response_status: Type.TUnion<[Type.TInteger, Type.TNull]>;
        started_at: Type.TString;
        finished_at: Type.TString;
    }>>;
    next_attempt_at: Type.TUnion<[Type.TString, Type.TNull]>;
    created_at: Type.TString;
    started_at: Type.TUnion<[Type.TString, Type.TNull]>;
    finished_at: Type.TUnion<[Type.TString, Type.TNull]>;
}>;
export declare function asRun(run: StoredRun): Static<typeof Run>;
