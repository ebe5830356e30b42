import { PRESETS } from "../src/pipeline/receive/presets/index.ts";
import { InboundRequest } from "../src/pipeline/receive/schemes/inbound-request.ts";
import { sampleDelivery } from "../src/pipeline/receive/schemes/sample-delivery.ts";
import { createVerifier } from "../src/pipeline/receive/schemes/verify.ts";
import { providerKeys, schemeWithSample } from "../test/support/provider-keys.ts";
import { type Row, row } from "./servers.ts";

const ROUND_MS = 150;
const URL = "https://hooks.example/api/v1/webhooks/shop/acme";

/** Deliveries of each preset that one core verifies per second, including reading the body where needed. */
export function benchVerification(): Row[] {
  return [...PRESETS].map(([name, { sample }]) => {
    const scheme = schemeWithSample(name);
    const { secret, signingSecret } = providerKeys(name);
    const nowMs = Date.now();
    const { headers, body } = sampleDelivery({
      scheme,
      sample,
      secret: signingSecret,
      id: "id-1",
      url: URL,
      nowMs,
    });
    const verify = createVerifier(scheme, [{ value: secret }]);
    const rawHeaders = [...Object.entries(headers), ...COMMON].flat();
    const judgeOne = () =>
      verify(new InboundRequest({ method: "POST", url: URL, rawHeaders, body }), nowMs).kind;
    if (judgeOne() !== "authentic") throw new Error(`The sample of ${name} is not authentic`);
    const rounds = [1, 2, 3].map(() => measure(judgeOne));
    return row(`verified: ${name}`, Math.max(...rounds), "/s");
  });
}

/** Headers that every client sends. */
const COMMON = Object.entries({
  host: "hooks.example",
  "user-agent": "bench/1.0",
  accept: "*/*",
  "content-length": "1000",
});

function measure(work: () => unknown): number {
  const startedMs = performance.now();
  let done = 0;
  while (performance.now() - startedMs < ROUND_MS) {
    for (let turn = 0; turn < 50; turn += 1) work();
    done += 50;
  }
  return (done / (performance.now() - startedMs)) * 1_000;
}
