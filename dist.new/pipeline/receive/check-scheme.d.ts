import { type Scheme } from "./scheme.ts";
/**
 * The scheme in `value`, with every default filled in. Throws HeadraceError `invalid_request`, a detail for each
 * field, when a field is missing, unknown or of the wrong kind, or when the fields contradict one another.
 */
export declare function checkScheme(value: unknown): Scheme;
