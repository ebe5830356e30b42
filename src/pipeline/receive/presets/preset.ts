import type { SchemeInput } from "../schemes/scheme.ts";

/** A scheme that ships with Headrace under a fixed name. */
export interface Preset {
  description: string;
  /** The provider's documentation of its signatures. */
  docs: string;
  /** Notes for users, one sentence each. */
  notes?: readonly string[];
  /** Params that the connector or the endpoint may set, by name. */
  params: Record<string, PresetParam>;
  /** Returns the scheme for valid params. */
  scheme(params: Readonly<Record<string, string>>): SchemeInput;
  /** A delivery of the provider, before it is signed. */
  sample: PresetSample;
}

/** The value of a param as a connector or endpoint states it. */
export type ParamValue = string | number | boolean;

/** A param of a preset. */
export interface PresetParam {
  description: string;
  /** The value if the param is left out. */
  default?: string;
  /** The type that the value may have besides a string. */
  type?: "number" | "boolean";
  /** The allowed values, or a pattern for them. Any value if neither is given. */
  oneOf?: readonly string[];
  pattern?: RegExp;
}

/** A delivery of the provider from which samples are built. */
export interface PresetSample {
  /** The body as data. Values that the scheme selects in it are set when the sample is signed. */
  body: unknown;
  /** True for a form instead of JSON. */
  form?: true;
  /** Headers besides those of the scheme. */
  headers?: Readonly<Record<string, string>>;
  /** Params that the sample needs. */
  params?: Readonly<Record<string, string>>;
}
