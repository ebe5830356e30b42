import { type ErrorDetail, HeadraceError } from "../../../domain/errors.ts";
import { checkScheme } from "../check-scheme.ts";
import type { Scheme } from "../scheme.ts";
import { github } from "./github.ts";
import { hmacSha256 } from "./hmac-sha256.ts";
import type { Preset, PresetParam } from "./preset.ts";
import { standardWebhooks } from "./standard-webhooks.ts";

/** Every preset by its fixed name. */
export const PRESETS: ReadonlyMap<string, Preset> = new Map([
  ["standard-webhooks", standardWebhooks],
  ["github", github],
  ["hmac-sha256", hmacSha256],
]);

/**
 * The scheme of a preset under these params (the connector's, overlaid with the endpoint's). Throws HeadraceError
 * `invalid_request`, naming it, for a preset or param that does not exist and for a param of the wrong form.
 */
export function presetScheme(name: string, params: Readonly<Record<string, string>>): Scheme {
  const preset = PRESETS.get(name);
  if (preset === undefined) {
    const known = [...PRESETS.keys()].join(", ");
    throw new HeadraceError("invalid_request", `There is no preset ${quote(name)}; there are ${known}`, {
      details: [{ field: "preset", expected: `one of ${known}`, got: quote(name) }],
    });
  }
  const details = Object.entries(params).flatMap(([param, value]) => misfit(preset, param, value));
  if (details.length > 0) {
    const sentence = details.map(({ field, message }) => `${field} ${message}`).join("; ");
    throw new HeadraceError("invalid_request", `Preset ${name} cannot be used so: ${sentence}`, { details });
  }
  return checkScheme(preset.scheme({ ...defaultsOf(preset), ...params }));
}

function misfit(preset: Preset, param: string, value: unknown): ErrorDetail[] {
  const field = `params.${param.slice(0, 100)}`;
  if (!Object.hasOwn(preset.params, param)) {
    const known = Object.keys(preset.params).join(", ");
    return [
      { field, message: known === "" ? "is not known; there are none" : `is not known; there are ${known}` },
    ];
  }
  const { oneOf, pattern } = preset.params[param] as PresetParam;
  if (typeof value !== "string")
    return [{ field, message: `must be a string and is of type ${typeof value}` }];
  if (oneOf !== undefined && !oneOf.includes(value)) {
    return [{ field, message: `must be one of ${oneOf.join(", ")} and is ${quote(value)}` }];
  }
  if (pattern !== undefined && !pattern.test(value)) {
    return [{ field, message: `must match ${pattern.source} and is ${quote(value)}` }];
  }
  return [];
}

function defaultsOf(preset: Preset): Record<string, string> {
  const defaults: Record<string, string> = {};
  for (const [param, spec] of Object.entries(preset.params)) {
    if (spec.default !== undefined) defaults[param] = spec.default;
  }
  return defaults;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
