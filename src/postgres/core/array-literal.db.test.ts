import fc from "fast-check";
import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { numberArray, textArray } from "./array-literal.ts";

test("PostgreSQL reads back the values of array literals", async () => {
  const { database } = await migratedDatabase();
  const texts = fc.oneof(
    fc.constantFrom("", "NULL", "null", "a,b", "{", "}", '"', "\\", '\\"', " x ", "é☃", "\n"),
    fc.string({ unit: "grapheme" }).map((text) => text.replaceAll("\0", "")),
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.option(texts), { maxLength: 20 }),
      fc.array(fc.option(fc.integer()), { maxLength: 20 }),
      async (strings, numbers) => {
        const [row] = await database.pipeline.query<{ strings: unknown; numbers: unknown }>({
          text: "SELECT $1::text[] AS strings, $2::int[] AS numbers",
          values: [textArray(strings), numberArray(numbers)],
        });
        expect(row).toEqual({ strings, numbers });
      },
    ),
    { numRuns: 300 },
  );
});
