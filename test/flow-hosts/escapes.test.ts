import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowFile, loadedFlows } from "../support/flow-hosts.ts";

beforeAll(builtProgram);

/** Handlers with an error that nothing catches. */
const ESCAPES: Record<string, string> = {
  rejection: `Promise.reject(new Error("bad rejection")); return 1;`,
  timer: `setTimeout(() => { throw new Error("bad timer"); }, 5); return 1;`,
  immediate: `setImmediate(() => { throw new Error("bad immediate"); }); return 1;`,
  tick: `process.nextTick(() => { throw new Error("bad tick"); }); return 1;`,
  microtask: `queueMicrotask(() => { throw new Error("bad microtask"); }); return 1;`,
  emitter: `const { EventEmitter } = await import("node:events");
    const emitter = new EventEmitter();
    setTimeout(() => emitter.emit("error", new Error("bad emitter")), 5);
    await new Promise(() => {});`,
  stream: `const { createReadStream } = await import("node:fs");
    createReadStream("/bad/stream"); await new Promise(() => {});`,
  later: `(async () => { await new Promise((resolve) => setTimeout(resolve, 20)); throw new Error("bad later"); })();
    await new Promise((resolve) => setTimeout(resolve, 200));`,
};

describe("what escapes from a handler", () => {
  test("an error that escapes a handler fails only its own run, with its stack", async () => {
    const files = Object.fromEntries(
      Object.entries(ESCAPES).map(([id, body]) => [`${id}.mjs`, flowFile(id, body)]),
    );
    const { call, ended } = await loadedFlows({
      ...files,
      "good.mjs": flowFile("good", `await new Promise((resolve) => setTimeout(resolve, 300));`),
    });
    const good = Array.from({ length: 5 }, () => call("good"));
    const bad = await Promise.all(
      Object.keys(ESCAPES).map(async (id) => [id, (await call(id)).end] as const),
    );
    for (const [id, end] of bad) {
      if (end.kind !== "threw") throw new Error(`${id}: ${JSON.stringify(end)}`);
      expect(end.error.message).toMatch(/bad/);
      expect(end.error.stack).toMatch(id === "stream" ? /ENOENT/ : new RegExp(`/${id}\\.mjs:\\d+:`));
    }
    for (const { end } of await Promise.all(good)) expect(end).toEqual({ kind: "returned" });
    // An error in a microtask has no context: the host ended, and calling each run alone found the cause.
    expect(ended.every((code) => code === "HANDLER_THREW")).toBe(true);
  });
});
