import { expect, test } from "vitest";
import { updatedAtMs } from "./updated-at.ts";

const at = (updated: unknown) => updatedAtMs({ updated }, "updated");
const MAY_21 = Date.UTC(2024, 4, 21, 8, 30, 0, 125);

test.each([
  "2024-05-21T08:30:00.125Z",
  "2024-05-21T10:30:00.125+02:00",
  "2024-05-21T10:30:00.125+0200",
  "2024-05-21T08:30:00.125+0000",
  "2024-05-21T03:30:00.125-05",
  MAY_21,
])("an update time may be written as %s", (text) => {
  expect(at(text)).toBe(MAY_21);
});

test.each(["2024-05-21", "2024-05-21T08:30:00", "2024-05-21T08:30:00+02000", "21 May 2024", "", null, true])(
  "an update time without a zone, or of another form, is unknown: %s",
  (value) => {
    expect(at(value)).toBeUndefined();
  },
);

test("an update time in seconds is one in milliseconds", () => {
  expect(at(1_716_280_200)).toBe(Date.UTC(2024, 4, 21, 8, 30));
});
