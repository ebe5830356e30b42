import type { SchemeInput } from "../scheme.ts";
/** A scheme that ships with Headrace under a fixed name. */
export interface Preset {
    description: string;
    /** The provider's own page on its signatures. */
    docs: string;
    /** What may be set on the connector or the endpoint, by name. */
    params: Record<string, PresetParam>;
    /** The scheme for params that were found valid. */
    scheme(params: Readonly<Record<string, string>>): SchemeInput;
}
export interface PresetParam {
    description: string;
    /** What stands when it is left out. */
    default?: string;
    /** The values it may have, or the pattern they follow; any value where neither is given. */
    oneOf?: readonly string[];
    pattern?: RegExp;
}
