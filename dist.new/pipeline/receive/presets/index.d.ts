import type { Scheme } from "../scheme.ts";
import type { Preset } from "./preset.ts";
export type { Preset, PresetParam } from "./preset.ts";
/** Every preset by its fixed name. */
export declare const PRESETS: ReadonlyMap<string, Preset>;
/**
 * The scheme of a preset under these params (the connector's, overlaid with the endpoint's). Throws HeadraceError
 * `invalid_request`, naming it, for a preset or param that does not exist and for a param of the wrong form.
 */
export declare function presetScheme(name: string, params: Readonly<Record<string, string>>): Scheme;
