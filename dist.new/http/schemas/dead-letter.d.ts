import { type Static, Type } from "typebox";
import type { StoredDeadLetter } from "../../postgres/dead-letters.ts";
export declare const DeadLetter: Type.TObject<{
    id: Type.TString;
    tenant_id: Type.TString;
    connector: Type.TString;
    endpoint: Type.TString;
    event_id: Type.TString;
    event_type: Type.TUnion<[Type.TString, Type.TNull]>;
    flow_id: Type.TUnion<[Type.TString, Type.TNull]>;
    run_id: Type.TUnion<[Type.TString, Type.TNull]>;
    event_payload: Type.TUnknown;
    content_type: Type.TUnion<[Type.TString, Type.TNull]>;
    error_message: Type.TString;
    error_context: Type.TRecord<"^.*$", Type.TUnknown>;
    fingerprint: Type.TString;
    status: Type.TEnum<["pending", "replayed", "expired"]>;
    retry_count: Type.TInteger;
    created_at: Type.TString;
    updated_at: Type.TString;
}>;
export declare function asDeadLetter(letter: StoredDeadLetter): Static<typeof DeadLetter>;
/** The bytes as JSON can show them, whatever content type they came with. */
export declare function showPayload(payload: Buffer): unknown;
