import { Type } from "typebox";
import { expect, test } from "vitest";
import { pageOfRows, readCursor, writeCursor } from "./cursor.ts";

const Key = Type.Tuple([Type.String({ maxLength: 3 }), Type.String()]);

test("reads a list cursor as it was written", () => {
  expect(readCursor(writeCursor(["é", "b/c"]), Key)).toEqual(["é", "b/c"]);
  expect(readCursor(undefined, Key)).toBeUndefined();
});

test.each(["", "x", "%%%", writeCursor(["a"]), writeCursor(["long", "b"]), "bnVsbA"])(
  "refuses a cursor that no list returned: %s",
  (cursor) => {
    expect(() => readCursor(cursor, Key)).toThrow("not one that this list returned");
  },
);

test("returns a next cursor only if there is another row", () => {
  const page = (limit: number) =>
    pageOfRows(
      [1, 2, 3],
      limit,
      (row) => [String(row)],
      (row) => row * 10,
    );
  expect(page(2)).toEqual({ items: [10, 20], next_cursor: writeCursor(["2"]) });
  expect(page(3)).toEqual({ items: [10, 20, 30], next_cursor: null });
});
