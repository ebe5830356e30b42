import { expect, test } from "vitest";
import { storableText } from "./storable-text.ts";

test("storableText replaces characters that PostgreSQL rejects and cuts long texts", () => {
  expect(storableText("The target answered 400: ü 😀")).toBe("The target answered 400: ü 😀");
  expect(storableText("a\0b")).toBe("a\u{fffd}b");
  expect(storableText("half \ud83d")).toBe("half \u{fffd}");
  expect(storableText("x".repeat(20_000))).toHaveLength(16_385);
});
