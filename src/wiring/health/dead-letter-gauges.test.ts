import { expect, test } from "vitest";
import { createMetrics } from "../metrics.ts";
import { createDeadLetterGauges } from "./dead-letter-gauges.ts";

const NOTHING_ELSE = { kept: { entries: 0, bytes: 0 }, openAlerts: [] };

test("the dead letter gauges have labels only for the tenants with the most dead letters", async () => {
  const metrics = createMetrics();
  const show = createDeadLetterGauges(metrics, 2);
  const depth = (tenantId: string, pending: number, stage: "route" | "execute" = "execute") => ({
    tenantId,
    stage,
    pending,
    oldestSeconds: pending * 10,
  });
  const lines = async (name: string) =>
    (await metrics.registry.getSingleMetricAsString(name))
      .split("\n")
      .filter((line) => !line.startsWith("#"));

  show({ depths: [depth("a", 1), depth("b", 3), depth("c", 1), depth("c", 3, "route")], ...NOTHING_ELSE });
  expect(await lines("headrace_dlq_depth")).toEqual([
    'headrace_dlq_depth{stage="normalize"} 0',
    'headrace_dlq_depth{stage="route"} 3',
    'headrace_dlq_depth{stage="execute"} 5',
  ]);
  expect(await lines("headrace_dlq_oldest_seconds")).toContain(
    'headrace_dlq_oldest_seconds{stage="execute"} 30',
  );
  expect(await lines("headrace_dlq_tenant_depth")).toEqual([
    'headrace_dlq_tenant_depth{tenant="b",stage="execute"} 3',
    'headrace_dlq_tenant_depth{tenant="c",stage="execute"} 1',
    'headrace_dlq_tenant_depth{tenant="c",stage="route"} 3',
  ]);

  show({ depths: [depth("a", 1)], ...NOTHING_ELSE });
  expect(await lines("headrace_dlq_tenant_depth")).toEqual([
    'headrace_dlq_tenant_depth{tenant="a",stage="execute"} 1',
  ]);
});
