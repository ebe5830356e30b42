import { existsSync, rmSync } from "node:fs";
import { beforeAll, describe, expect, test } from "vitest";
import { listProcesses } from "../../src/embedded/processes.ts";
import { builtProgram } from "../support/built.ts";
import { flowFile, hostStart, loadedFlows } from "../support/flow-hosts.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

/** Reports that it has begun, then waits for the file. */
const WAIT = `const { existsSync, writeFileSync } = await import("node:fs");
  const { folder, n } = event.data;
  writeFileSync(folder + "/began-" + attempt + "-" + n, "");
  while (!existsSync(folder + "/go")) await new Promise((resolve) => setTimeout(resolve, 20));`;

const hosts = () =>
  listProcesses().filter(
    ({ parentPid, commandLine }) => parentPid === process.pid && commandLine.includes("--max-old-space-size"),
  );

describe("a host", () => {
  test("a host aborts a handler's signal on time-out or cancellation, without waiting for it", async () => {
    const { call } = await loadedFlows({
      "wait.mjs": flowFile(
        "wait",
        `signal.addEventListener("abort", () => log.info(signal.reason.name + ": " + signal.reason.message));
        await new Promise(() => {});`,
      ),
      "after.mjs": flowFile("after", ""),
    });
    const late = await call("wait", { timeoutMs: 300 });
    expect(late.end).toEqual({ kind: "timed_out" });
    const given = new AbortController();
    const up = call("wait", { signal: given.signal });
    setTimeout(() => given.abort(new Error("The run was cancelled")), 200);
    expect((await up).end).toEqual({ kind: "aborted" });
    expect((await call("after")).end).toEqual({ kind: "returned" });
  });

  test("a host passes steps to the server, which can reject them, and logs within its bounds", async () => {
    const kept: [string, string | null][] = [];
    let dropped = 0;
    const { call } = await loadedFlows(
      {
        "steps.mjs": flowFile(
          "steps",
          `
          log.info(await step("known", () => { throw new Error("done again"); }));
          log.info(String(await step("made", ({ idempotencyKey }) => idempotencyKey.length)));
          for (let n = 0; n < 10; n += 1) log.info("more", { token: "secret", n });
          await step("refused", () => 2);`,
        ),
      },
      { bounds: { log: { maxLines: 5, maxBytes: 10_000, maxLineBytes: 1_000 } } },
    );
    const { end, lines } = await call("steps", {
      loadSteps: async () => new Map([["known", '"kept"']]),
      async keepStep(name, result) {
        if (name === "refused") throw new Error("another worker has the run");
        kept.push([name, result]);
      },
      onDropped: (count) => {
        dropped = count;
      },
    });
    expect(end).toMatchObject({
      kind: "threw",
      error: { message: "another worker has the run", step: "refused" },
    });
    expect(kept).toEqual([["made", "64"]]);
    expect(lines.map(({ message }) => message)).toEqual(["kept", "64", "more", "more", "more"]);
    expect([lines[2]?.fields, dropped]).toEqual([{ token: "[redacted]", n: 0 }, 7]);
  });

  test("a blocked host is ended in time, its handler fails, and its other calls continue elsewhere", async () => {
    const { call, folder, write, ended, flows } = await loadedFlows({
      "loop.mjs": flowFile("loop", "for (;;);"),
      "wait.mjs": flowFile("wait", WAIT),
    });
    const neighbours = [1, 2, 3].map((n) => call("wait", { data: { folder, n } }));
    await until("the neighbours have begun", () =>
      [1, 2, 3].every((n) => existsSync(`${folder}/began-1-${n}`)),
    );
    const { end } = await call("loop");
    expect(end).toMatchObject({
      kind: "died",
      code: "HANDLER_STUCK",
      stack: expect.stringMatching(/loop\.mjs:/),
    });
    // Called once with others, once alone.
    expect(ended).toEqual(["HANDLER_STUCK", "HANDLER_STUCK"]);
    write("go", "");
    for (const { end: good } of await Promise.all(neighbours)) expect(good).toEqual({ kind: "returned" });
    // From now on it is called alone at once, and ends no shared host.
    const shared = call("wait", { data: { folder, n: 4 } });
    expect((await call("loop")).end).toMatchObject({ kind: "died", code: "HANDLER_STUCK" });
    expect((await shared).end).toEqual({ kind: "returned" });
    expect(ended).toHaveLength(3);
    await flows.stop();
    await until("no host is left", () => hosts().length === 0);
  }, 60_000);

  test("after a host with many calls ends, each is called alone, those that never failed first", async () => {
    const { call, folder, write } = await loadedFlows(
      {
        "die.mjs": flowFile(
          "die",
          `${WAIT} const { execFileSync } = await import("node:child_process");
          execFileSync("/bin/sh", ["-c", "kill -SEGV $PPID"]); await new Promise((resolve) => setTimeout(resolve, 2_000));`,
        ),
        "wait.mjs": flowFile("wait", WAIT),
      },
      { bounds: { maxAloneOfOwner: 3 } },
    );
    const { existsSync } = await import("node:fs");
    const owners = [1, 2, 3, 4, 5, 6].map((n) => ({ owner: `t${n % 2}`, n }));
    const good = owners.map(({ owner, n }) => call("wait", { owner, data: { folder, n } }));
    const bad = call("die", { owner: "bad", data: { folder, n: 7 } });
    await until("all have begun", () =>
      [1, 2, 3, 4, 5, 6, 7].every((n) => existsSync(`${folder}/began-1-${n}`)),
    );
    write("go", "");
    expect((await bad).end).toMatchObject({
      kind: "died",
      code: "HANDLER_CRASHED",
      message: expect.stringMatching(/SIGSEGV/),
    });
    for (const { end } of await Promise.all(good)) expect(end).toEqual({ kind: "returned" });
  }, 60_000);

  test("a flow that keeps crashing its host gets few runs at a time, and the others are put off", async () => {
    const { call } = await loadedFlows(
      {
        "die.mjs": flowFile(
          "die",
          `const { execFileSync } = await import("node:child_process");
        execFileSync("/bin/sh", ["-c", "kill -9 $PPID"]); await new Promise((resolve) => setTimeout(resolve, 2_000));`,
        ),
      },
      { bounds: { maxAloneOfQuarantined: 2 } },
    );
    expect((await call("die")).end).toMatchObject({ kind: "died", code: "HANDLER_CRASHED" });
    const ends = await Promise.all(Array.from({ length: 8 }, async () => (await call("die")).end));
    const refused = ends.filter((end) => end.kind === "refused");
    expect(refused.length).toBeGreaterThanOrEqual(4);
    expect(refused[0]).toMatchObject({ reason: "handler_alone", delayMs: expect.any(Number) });
    expect(ends.filter((end) => end.kind === "died").length + refused.length).toBe(8);
  }, 60_000);

  test("a host that cannot start fails the watch, and calls are refused until it can", async () => {
    const { folder, write } = flowsFolder({ ok: "" });
    const { entry } = await hostStart();
    write(
      "main.mjs",
      `import { existsSync } from "node:fs";
      if (!existsSync("${folder}/ok")) process.exit(7);
      await import("${entry}");`,
    );
    const { call, flows, logged } = await loadedFlows(
      { "a.mjs": flowFile("a", "") },
      { start: { entry: `${folder}/main.mjs` }, bounds: { maxWaitMs: 4_000 } },
    );
    expect((await call("a")).end).toEqual({ kind: "returned" });
    rmSync(`${folder}/ok`);
    for (const { pid } of hosts()) process.kill(pid, "SIGKILL");
    await until("a start failed", () => logged().some(({ msg }) => /ended with code 7/.test(String(msg))));
    expect((await call("a")).end).toMatchObject({ kind: "refused", reason: "flow_hosts" });
    await expect(flows.watch(new AbortController().signal)).rejects.toThrow("no process for the handlers");
    write("ok", "");
    await until("calls are made again", async () => (await call("a")).end.kind === "returned");
  }, 60_000);
});
