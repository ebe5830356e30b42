import { expect, test } from "vitest";
import { storableText } from "./storable-text.ts";

test("a text of an error is kept as it is, but for what PostgreSQL cannot take and what is too long", () => {
  expect(storableText("The target answered 400: ü 😀")).toBe("The target answered 400: ü 😀");
  expect(storableText("a\0b")).toBe("a\u{fffd}b");
  expect(storableText("half \ud83d")).toBe("half \u{fffd}");
  expect(storableText("x".repeat(20_000))).toHaveLength(16_385);
});
