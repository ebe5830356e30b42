import { expect, test } from "vitest";
import { fromRow, fromRows } from "./rows.ts";

test("reads columns in snake case as properties in camel case, and NULL as undefined", () => {
  const row = { id: "1", tenant_id: "acme", last_used_at: null, count: 0, is_on: false };
  expect(fromRow(row)).toStrictEqual({
    id: "1",
    tenantId: "acme",
    lastUsedAt: undefined,
    count: 0,
    isOn: false,
  });
});

test("leaves the names within a JSON column as they are", () => {
  expect(fromRows([{ last_error: { error_code: null } }])).toEqual([{ lastError: { error_code: null } }]);
});
