import type { SchemeInput } from "../schemes/scheme.ts";

/** A scheme that ships with Headrace under a fixed name. */
export interface Preset {
  description: string;
  /** The provider's own page on its signatures. */
  docs: string;
  /** What its users do well to know, a sentence each. */
  notes?: readonly string[];
  /** What may be set on the connector or the endpoint, by name. */
  params: Record<string, PresetParam>;
  /** The scheme for params that were found valid. */
  scheme(params: Readonly<Record<string, string>>): SchemeInput;
  /** A delivery as the provider sends it, before it is signed. */
  sample: PresetSample;
}

export interface PresetParam {
  description: string;
  /** What stands when it is left out. */
  default?: string;
  /** The values it may have, or the pattern they follow; any value where neither is given. */
  oneOf?: readonly string[];
  pattern?: RegExp;
}

export interface PresetSample {
  /** The body as data; what the scheme places in it is set when it is signed. */
  body: unknown;
  /** Sent as a form instead of JSON. */
  form?: true;
  /** Headers besides those that the scheme names. */
  headers?: Readonly<Record<string, string>>;
  /** Params without which the scheme cannot be used. */
  params?: Readonly<Record<string, string>>;
}
