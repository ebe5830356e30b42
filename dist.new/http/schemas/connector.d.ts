import { type Static, Type } from "typebox";
import type { StoredConnector } from "../../postgres/connectors.ts";
/** What a preset is set with; which names there are depends on the preset. */
export declare const Params: Type.TRecord<"^.*$", Type.TString>;
/** What a PUT of a connector may set. */
export declare const ConnectorInput: Type.TObject<{
    name: Type.TOptional<Type.TString>;
    webhook: Type.TOptional<Type.TUnion<[Type.TObject<{
        preset: Type.TString;
        params: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
    }>, Type.TObject<{
        scheme: Type.TRecord<"^.*$", Type.TUnknown>;
    }>]>>;
    source: Type.TOptional<Type.TRecord<"^.*$", Type.TUnknown>>;
}>;
export declare const Connector: Type.TObject<{
    name: Type.TOptional<Type.TString>;
    webhook: Type.TOptional<Type.TUnion<[Type.TObject<{
        preset: Type.TString;
        params: Type.TOptional<Type.TRecord<"^.*$", Type.TString>>;
    }>, Type.TObject<{
        scheme: Type.TRecord<"^.*$", Type.TUnknown>;
    }>]>>;
    source: Type.TOptional<Type.TRecord<"^.*$", Type.TUnknown>>;
    id: Type.TString;
    created_at: Type.TString;
    updated_at: Type.TString;
}>;
export declare const ConnectorParams: Type.TObject<{
    connector: Type.TString;
}>;
export declare function asConnector(connector: StoredConnector): Static<typeof Connector>;
