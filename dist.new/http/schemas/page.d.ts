import { type TProperties, type TSchema, Type } from "typebox";
export declare const DEFAULT_LIMIT = 50;
/** The query of every list, with the filters of this one. */
export declare function pageQuery<Filters extends TProperties>(filters: Filters): Type.TObject<Filters & {
    limit: Type.TOptional<Type.TInteger>;
    cursor: Type.TOptional<Type.TString>;
}>;
/** The answer of every list. */
export declare function pageOf<Item extends TSchema>(item: Item): Type.TObject<{
    items: Type.TArray<Item>;
    next_cursor: Type.TUnion<[Type.TString, Type.TNull]>;
}>;
/** A page of what holds whole payloads ends when they reach this size, bytes, whatever the limit. */
export declare const MAX_PAGE_BYTES = 8388608;
