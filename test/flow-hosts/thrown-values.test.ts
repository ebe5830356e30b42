import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowFile, loadedFlows } from "../support/flow-hosts.ts";

beforeAll(builtProgram);

/** Expressions of thrown values, and the message that is recorded. */
const THROWN: Record<string, [expression: string, message: string | RegExp]> = {
  object_message: ["Object.assign(new Error(), { message: { a: 1 } })", '{"a":1}'],
  symbol_message: ['Object.assign(new Error(), { message: Symbol("s") })', "Symbol(s)"],
  proxy_message: ["Object.assign(new Error(), { message: new Proxy({}, traps) })", /./],
  getter_message: ["Object.defineProperty(new Error(), 'message', trap)", "an error without a message"],
  getters: ["Object.defineProperties(new Error('m'), { stack: trap, name: trap, cause: trap })", "m"],
  object_stack: ["Object.assign(new Error('m'), { stack: { a: 1 }, name: {} })", "m"],
  no_message: ["new TypeError()", "an error without a message"],
  huge_message: ['new Error("x".repeat(2_000_000))', /^x{8192}$/],
  lone_surrogate: ['new Error("\\ud800\\0")', "\ud800\0"],
  plain: [
    "{ status: 422, errors: [{ field: 'a' }], at: new Date(0), n: 10n }",
    /^\{"status":422,"errors":\[\{"field":"a"\}\],"at":"1970-01-01T00:00:00.000Z","n":"10"\}$/,
  ],
  array: ["[1, undefined, { a: [NaN] }]", '[1,null,{"a":["NaN"]}]'],
  null_prototype: ["Object.assign(Object.create(null), { a: 1 })", '{"a":1}'],
  frozen: ["Object.freeze({ a: 1 })", '{"a":1}'],
  frozen_error: ["Object.freeze(new Error('m'))", "m"],
  circular: ["(() => { const all = {}; all.self = all; return all; })()", '{"self":"[Circular]"}'],
  getter: [
    "Object.defineProperty({ a: 1 }, 'b', { ...trap, enumerable: true })",
    '{"a":1,"b":"a value that cannot be shown"}',
  ],
  json: ["{ a: 1, toJSON() { throw new Error('toJSON'); } }", '{"a":1,"toJSON":"[Function]"}'],
  thenable: ["{ then() { throw new Error('then'); } }", '{"then":"[Function]"}'],
  large: ["{ list: new Array(1_000_000).fill('x'.repeat(100)) }", /^\{"list":\["x{100}",.*"…"\]\}$/],
  sparse: ["new Array(4_000_000_000)", /^\[null,/],
  deep: [
    "(() => { let all = {}; for (let n = 0; n < 100_000; n += 1) all = { all }; return all; })()",
    /^\{"all":\{.*\[Object\]/,
  ],
  proxy: ["new Proxy({}, traps)", /./],
  revoked: ["(() => { const { proxy, revoke } = Proxy.revocable({}, {}); revoke(); return proxy; })()", /./],
  instance: ["new (class Odd { a = 1; })()", "Odd { a: 1 }"],
  map: ["new Map([[1, 2]])", "Map(1) { 1 => 2 }"],
  symbol: ["Symbol('s')", "Symbol(s)"],
  bigint: ["10n", "10"],
  nothing: ["undefined", "undefined"],
  null: ["null", "null"],
  function: ["() => {}", "[Function (anonymous)]"],
};

const BEFORE = `const bad = () => { throw new Error("a trap"); };
  const trap = { get: bad, configurable: true };
  const traps = { get: bad, has: bad, ownKeys: bad, getPrototypeOf: bad, getOwnPropertyDescriptor: bad };`;

describe("any value", () => {
  test("that a handler throws ends its attempt with a message of bounded length", async () => {
    const files = Object.entries(THROWN).flatMap(([id, [expression]]) => [
      [`${id}.mjs`, flowFile(id, `throw ${expression};`, BEFORE)],
      [
        `in_step_${id}.mjs`,
        flowFile(`in_step_${id}`, `await step("s", () => { throw ${expression}; });`, BEFORE),
      ],
    ]);
    const { call, ended } = await loadedFlows(Object.fromEntries(files));
    for (const [id, [, message]] of Object.entries(THROWN)) {
      const { end } = await call(id);
      if (end.kind !== "threw") throw new Error(`${id}: ${JSON.stringify(end)}`);
      expect([id, end.error.message]).toEqual([
        id,
        typeof message === "string" ? message : expect.stringMatching(message),
      ]);
      expect(end.error.message.length).toBeLessThanOrEqual(8_192);
      expect((await call(`in_step_${id}`)).end).toMatchObject({
        kind: "threw",
        error: { message: end.error.message },
      });
    }
    expect(ended).toEqual([]);
  });

  test("that a handler returns or logs lets its run succeed, and is logged as JSON", async () => {
    const files = Object.entries(THROWN).flatMap(([id, [expression]]) => [
      [
        `returns_${id}.mjs`,
        flowFile(`returns_${id}`, `const value = ${expression}; return { value };`, BEFORE),
      ],
      [
        `logs_${id}.mjs`,
        flowFile(
          `logs_${id}`,
          `const value = ${expression}; log.info(value, value); log.warn("a", { value });`,
          BEFORE,
        ),
      ],
    ]);
    const { call, ended } = await loadedFlows(Object.fromEntries(files));
    for (const id of Object.keys(THROWN)) {
      expect([id, (await call(`returns_${id}`)).end]).toEqual([id, { kind: "returned" }]);
      const { end, lines } = await call(`logs_${id}`);
      expect([id, end, lines.length]).toEqual([id, { kind: "returned" }, 2]);
    }
    const { lines } = await call("logs_frozen");
    expect(lines[0]).toEqual(
      expect.objectContaining({ level: "info", message: '{"a":1}', fields: { a: 1 } }),
    );
    expect(lines[1]).toMatchObject({ level: "warn", message: "a", fields: { value: { a: 1 } } });
    expect(ended).toEqual([]);
  });
});
