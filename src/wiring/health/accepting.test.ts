import { expect, test } from "vitest";
import { PostgresUnavailable } from "../../postgres/core/faults.ts";
import { createAccepting } from "./accepting.ts";

const FULL = new PostgresUnavailable(
  { cause: "disk_full", text: "PostgreSQL has no disk space left", sqlState: "53100" },
  new Error("could not extend file"),
);

/** Creates the check with a probe that fails `failingProbes` times. */
function accepting(failingProbes = 0) {
  const probes = { made: 0, failed: 0 };
  const watch = createAccepting({
    bounds: { maxFailures: 3, probeMs: 10, probeBytes: 1 },
    async probe() {
      probes.made += 1;
      if (probes.made <= failingProbes) throw FULL;
    },
    onProbeFailed() {
      probes.failed += 1;
    },
  });
  const step = () => watch.step(new AbortController().signal);
  return { watch, probes, step };
}

test("accepting is red after three operating faults in a row and green after a success", () => {
  const { watch } = accepting();
  for (const error of [FULL, FULL]) watch.failed(error);
  watch.succeeded();
  for (const error of [FULL, new Error("a bug"), FULL]) watch.failed(error);
  expect(watch.check()).toEqual({ ok: true });
  watch.failed(FULL);
  expect(watch.check()).toEqual({
    ok: false,
    detail: "nothing could be accepted 3 times in a row: PostgreSQL has no disk space left (SQLSTATE 53100)",
  });
  watch.succeeded();
  expect(watch.check()).toEqual({ ok: true });
});

test("accepting probes only while it is red, until a probe succeeds", async () => {
  const { watch, probes, step } = accepting(2);
  await step();
  expect(probes.made).toBe(0);
  for (const error of [FULL, FULL, FULL]) watch.failed(error);
  await step();
  await step();
  expect(watch.check().ok).toBe(false);
  await step();
  expect(watch.check()).toEqual({ ok: true });
  await step();
  expect(probes).toEqual({ made: 3, failed: 2 });
});
