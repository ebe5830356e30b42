import { Agent, request } from "undici";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { PRESETS } from "../../src/pipeline/receive/presets/index.ts";
import { builtProgram } from "../support/built.ts";
import { mutate, seededRandom, type WireDelivery } from "../support/mutate.ts";
import { providerKeys, schemeWithSample } from "../support/provider-keys.ts";
import { connect, post, receiving, signedSample } from "../support/receiving.ts";
import { unsignedParts } from "../support/unsigned-parts.ts";

beforeAll(builtProgram);

/** Mutations of each preset's delivery over HTTP. `mutations.test.ts` verifies 10,000 of each. Set HEADRACE_FUZZ for more. */
const MUTATIONS = Number(process.env["HEADRACE_FUZZ"] ?? 150);
const CONCURRENCY = 24;
const SEED = 20_261_123;

test("altered deliveries are rejected unless only unsigned parts changed, and never cause a 5xx", {
  timeout: 60_000 + MUTATIONS * 500,
}, async () => {
  const headrace = await receiving();
  const agent = new Agent({ connections: CONCURRENCY });
  onTestFinished(() => agent.close());
  const random = seededRandom(SEED);
  const taken = new Map<string, Set<string>>();
  const statuses = new Map<number, number>();
  for (const preset of PRESETS.keys()) {
    const keys = providerKeys(preset);
    const url = await connect(headrace, preset, preset === "none" ? {} : { secret: keys.secret });
    const signed = signedSample(preset, url, { keys });
    const original: WireDelivery = { headers: Object.entries(signed.headers), body: signed.body, query: "" };
    const scheme = schemeWithSample(preset);
    const unsigned = unsignedParts(preset);
    let left = MUTATIONS;
    async function send(): Promise<void> {
      while (left > 0) {
        left -= 1;
        const { headers, body, query, part } = mutate(original, random);
        const answer = await request(`${url}${query}`, {
          method: "POST",
          headers: headers.flat(),
          body: new Uint8Array(body),
          dispatcher: agent,
        });
        await answer.body.dump();
        statuses.set(answer.statusCode, (statuses.get(answer.statusCode) ?? 0) + 1);
        if (answer.statusCode >= 300) continue;
        const isSame =
          query === "" &&
          body.equals(original.body) &&
          JSON.stringify(headers) === JSON.stringify(original.headers);
        if (isSame) continue;
        taken.set(preset, (taken.get(preset) ?? new Set()).add(part));
        const mayBeTaken = unsigned.has(part) || scheme.algorithm === "none";
        expect([preset, part, headers, mayBeTaken]).toEqual([preset, part, headers, true]);
      }
    }
    await Promise.all(Array.from({ length: CONCURRENCY }, send));
    const again = signedSample(preset, url, { keys, id: "id-after" });
    const { status } = await post(url, again.headers, again.body);
    expect([preset, status < 300]).toEqual([preset, true]);
  }
  console.info(`fuzz: ${MUTATIONS} mutations of ${PRESETS.size} presets: ${JSON.stringify([...statuses])}`);
  for (const [preset, parts] of taken) console.info(`  taken of ${preset}: ${[...parts].join(", ")}`);
  expect([...statuses.keys()].sort()).toEqual([200, 202, 204, 401]);
  expect(headrace.ended).toBe(false);
  expect(headrace.output()).not.toContain("the request failed");
});
