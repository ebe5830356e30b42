import { Type } from "typebox";
import { describe, expect, test } from "vitest";
import type { HeadraceError } from "../../domain/errors.ts";
import { compileValidator } from "./validation.ts";

const closed = { additionalProperties: false };

const Schema = Type.Object(
  {
    name: Type.String({ maxLength: 5 }),
    level: Type.Optional(Type.Enum(["low", "high"])),
    size: Type.Optional(Type.Integer({ minimum: 1, maximum: 9 })),
    shape: Type.Optional(
      Type.Union([
        Type.Object({ type: Type.Literal("circle"), radius: Type.Number() }, closed),
        Type.Object({ type: Type.Literal("square"), side: Type.Number() }, closed),
      ]),
    ),
  },
  closed,
);

function validate(value: unknown, httpPart = "body", schema: object = Schema) {
  const route = { schema, method: "PUT", url: "/", httpPart };
  const check = compileValidator(route as Parameters<typeof compileValidator>[0]);
  return check(value) as { value?: unknown; error?: HeadraceError };
}

describe("compileValidator", () => {
  test("accepts a valid body unchanged", () => {
    const body = { name: "n", shape: { type: "square", side: 2 } };
    expect(validate(body).value).toBe(body);
  });

  test.each([
    [{}, { field: "name", expected: "string, characters at most 5", got: "nothing" }],
    [null, { field: "body", expected: "object", got: "null" }],
    [{ name: 5 }, { field: "name", expected: "string, characters at most 5", got: "number" }],
    [
      { name: "n", level: "mid" },
      { field: "level", expected: "one of low, high", got: "string" },
    ],
    [
      { name: "n", size: "5" },
      { field: "size", expected: "integer, at least 1, at most 9", got: "string" },
    ],
    [
      { name: "n", shape: { type: "circle" } },
      { field: "shape.radius", expected: "number", got: "nothing" },
    ],
    [
      { name: "n", shape: { type: "blob" } },
      { field: "shape", expected: "object or object", got: "object" },
    ],
    [
      { name: "n", extra: 1 },
      { field: "extra", expected: "no field but name, level, size, shape", got: "an unknown field" },
    ],
  ])("refuses the invalid body %o with one detail per field", (body, detail) => {
    const { error } = validate(body);
    expect([error?.code, error?.details]).toEqual(["invalid_request", [detail]]);
    expect(error?.message).toBe(
      `The body is not valid. ${detail.field}: expected ${detail.expected}, got ${detail.got}`,
    );
  });

  test("reports a union as a whole if the value matches none of its branches", () => {
    const Choice = Type.Object({
      way: Type.Union(
        [Type.Object({ a: Type.String() }, closed), Type.Object({ b: Type.String() }, closed)],
        {
          description: "{ a } or { b }",
        },
      ),
    });
    const way = Object.fromEntries(Array.from({ length: 20 }, (_, number) => [`x${number}`, 1]));
    expect(validate({ way }, "body", Choice).error?.details).toEqual([
      { field: "way", expected: "{ a } or { b }", got: "object" },
    ]);
    expect(validate({ way: { b: "x" } }, "body", Choice).error).toBeUndefined();
  });

  test("repeats no input value in a validation error", () => {
    const { error } = validate({ name: "topsecret", level: "topsecret", shape: "topsecret" });
    expect(error?.details).toHaveLength(3);
    expect(JSON.stringify([error, error?.message])).not.toContain("topsecret");
  });

  test("reads only whole numbers as integers from a query", () => {
    const Query = Type.Object({ limit: Type.Optional(Type.Integer()), name: Type.Optional(Type.String()) });
    expect(validate({ limit: "12", name: "12" }, "querystring", Query).value).toEqual({
      limit: 12,
      name: "12",
    });
    for (const limit of ["1.5", "", "1e3", " 1", "0x1", ["1", "2"]]) {
      expect(validate({ limit }, "querystring", Query).error?.message).toMatch(
        /^The query is not valid. limit:/,
      );
    }
  });
});
