import { type DeliveredEvent, readDelivery } from "../../src/pipeline/receive/delivery.ts";
import { PRESETS, presetScheme } from "../../src/pipeline/receive/presets/index.ts";
import type { PresetSample } from "../../src/pipeline/receive/presets/preset.ts";
import { InboundRequest } from "../../src/pipeline/receive/schemes/inbound-request.ts";
import { sampleDelivery } from "../../src/pipeline/receive/schemes/sample-delivery.ts";
import { createVerifier } from "../../src/pipeline/receive/schemes/verify.ts";
import { providerKeys } from "./provider-keys.ts";

const URL = "https://hooks.example/api/v1/webhooks/shop/acme";
const NOW_MS = Date.UTC(2026, 0, 1);

/** Returns the only event in a delivery, by default the sample of the preset: signed as its provider signs, and read. */
export function sampleEvent(preset: string, other: Partial<PresetSample> = {}): DeliveredEvent {
  const keys = providerKeys(preset);
  const sample: PresetSample = { body: {}, ...PRESETS.get(preset)?.sample, ...other };
  const scheme = presetScheme(preset, { ...sample.params });
  const { headers, body } = sampleDelivery({
    scheme,
    sample,
    id: "id-1",
    secret: keys.signingSecret,
    url: URL,
    nowMs: NOW_MS,
  });
  const rawHeaders = Object.entries(headers).flat();
  const request = new InboundRequest({ method: "POST", url: URL, rawHeaders, body });
  const verdict = createVerifier(scheme, [{ value: keys.secret }])(request, NOW_MS);
  const { events } = readDelivery(scheme, request);
  const [event] = events;
  if (verdict.kind !== "authentic" || event === undefined || events.length > 1)
    throw new Error(`The delivery of ${preset} is no authentic delivery of one event`);
  return event;
}
