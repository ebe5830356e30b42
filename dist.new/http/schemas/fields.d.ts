import { type TSchema, Type } from "typebox";
/** A field that is always there and may be null. */
export declare function nullable<Schema extends TSchema>(schema: Schema): Type.TUnion<[Schema, Type.TNull]>;
/** Refers to a schema that is registered under its `$id`, so that the OpenAPI document names it once. */
export declare function reference<Schema extends TSchema>(schema: Schema): Type.TUnsafe<import("typebox").StaticType<[], "Encode", {}, {}, Schema>>;
/** Refuses fields that the schema does not name. */
export declare const closed: {
    readonly additionalProperties: false;
};
/** The name of a tenant, connector, endpoint or flow, given by the caller. */
export declare const Id: Type.TString;
export declare const Uuid: Type.TString;
export declare const Instant: Type.TString;
/** Text of one line: no control characters. */
export declare function line(maxLength: number, minLength?: number): Type.TString;
export declare const DisplayName: Type.TString;
export declare const Priority: Type.TUnsafe<1 | 2 | 3 | 4>;
export declare const TenantParams: Type.TObject<{
    tenant_id: Type.TString;
}>;
