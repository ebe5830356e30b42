import { describe, expect, test } from "vitest";
import { HeadraceError } from "../../../domain/errors.ts";
import { PRESETS, presetScheme } from "./index.ts";
import type { ParamValue } from "./preset.ts";

function errorOf(name: string, params: Record<string, ParamValue>): HeadraceError {
  try {
    presetScheme(name, params);
  } catch (error) {
    if (error instanceof HeadraceError) return error;
    throw error;
  }
  throw new Error(`${name} was accepted`);
}

test.each([...PRESETS.keys()])("preset %s is a valid scheme with its default params", (name) => {
  expect(presetScheme(name, {}).retry_span_s).toBeGreaterThanOrEqual(900);
  expect(presetScheme(name, { equal_bodies: "event" }).equal_bodies).toBe("event");
});

test.each([...PRESETS.keys()])(
  "preset %s takes bodies of 5 MiB, and of the size that its params state",
  (name) => {
    expect(presetScheme(name, {}).body_limit_bytes).toBeGreaterThanOrEqual(5_242_880);
    for (const size of [26_214_400, "26214400"])
      expect(presetScheme(name, { body_limit_bytes: size }).body_limit_bytes).toBe(26_214_400);
    expect(presetScheme(name, { body_limit_bytes: 1_000 }).body_limit_bytes).toBe(1_000);
  },
);

test.each([0, -1, 1.5, 26_214_401, 99_999_999, "1e6", "", true])(
  "refuses the body limit %j, with the name of the param",
  (body_limit_bytes) => {
    const { message } = errorOf("github", { body_limit_bytes } as Record<string, string>);
    expect(message).toContain("params.body_limit_bytes must");
  },
);

test.each(["", "stripes", "__proto__", "constructor"])(
  "refuses the unknown preset %j with a list of the known ones",
  (name) => {
    const { code, message } = errorOf(name, {});
    expect(code).toBe("invalid_request");
    expect(message).toContain(JSON.stringify(name));
    expect(message).toContain([...PRESETS.keys()].join(", "));
  },
);

test.each([
  [
    "github",
    { header: "x" },
    "params.header is unknown; the params are equal_bodies, freshness, probe, body_limit_bytes",
  ],
  ["hmac-sha256", { colour: "red" }, "params.colour is unknown; the params are header, encoding"],
  ["hmac-sha256", { ["__proto__"]: "x" }, "params.__proto__ is unknown"],
  ["hmac-sha256", { encoding: "base32" }, 'params.encoding must be one of hex, base64 and is "base32"'],
  ["hmac-sha256", { timestamp_unit: "m" }, "params.timestamp_unit must be one of s, ms, rfc3339"],
  ["hmac-sha256", { header: "X Sig" }, "params.header must match"],
  ["hmac-sha256", { header: "" }, "params.header must match"],
  ["hmac-sha256", { type_path: "/~2" }, "params.type_path must match"],
  ["hmac-sha256", { prefix: 5 as unknown as string }, "params.prefix must be a string and is of type number"],
])("refuses preset %s with params %j: %s", (name, params, sentence) => {
  const { code, message, details } = errorOf(name, params);
  expect(code).toBe("invalid_request");
  expect(message).toContain(sentence);
  expect(details).toHaveLength(1);
});

describe("hmac-sha256 preset", () => {
  test.each([
    [{}, [{ body: "/type" }, { literal: "webhook" }]],
    [{ type_path: "data.event\\.name" }, [{ body: "/data/event.name" }, { literal: "webhook" }]],
    [{ type_path: "/a~1b/0" }, [{ body: "/a~1b/0" }, { literal: "webhook" }]],
    [{ type_path: "a/b~.c" }, [{ body: "/a~1b~0/c" }, { literal: "webhook" }]],
    [{ type_header: "X-Type" }, [{ header: "X-Type" }, { literal: "webhook" }]],
    [
      { type_header: "X-Type", type_path: "t" },
      [{ body: "/t" }, { header: "X-Type" }, { literal: "webhook" }],
    ],
  ])("reads the event type with params %j from %j", (params, selectors) => {
    expect(presetScheme("hmac-sha256", params).type.from).toEqual(selectors);
  });

  test("has a delivery id only if the params name one", () => {
    expect(presetScheme("hmac-sha256", {}).delivery_id).toBeUndefined();
    const scheme = presetScheme("hmac-sha256", { id_header: "X-Id", id_path: "id" });
    expect(scheme.delivery_id).toEqual([{ body: "/id" }, { header: "X-Id" }]);
  });
});

test("refuses to answer checks by GET where a handshake answers GET", () => {
  expect(presetScheme("none", { probe: true }).probe).toBe(true);
  expect(presetScheme("none", { probe: "false" }).probe).toBe(false);
  expect(errorOf("meta", { verify_token: "t", probe: "true" }).message).toContain(
    "challenge that answers GET",
  );
  expect(errorOf("none", { probe: "yes" }).message).toContain("must be one of true, false");
});
