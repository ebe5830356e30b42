import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowFile, loadedFlows } from "../support/flow-hosts.ts";

beforeAll(builtProgram);

const signal = new AbortController().signal;

describe("a flow file whose own code", () => {
  test("a flow file that throws, loops, hangs or exits breaks only itself at the start", async () => {
    const bad = {
      throws: `throw new Error("no shop");`,
      loops: "for (;;);",
      waits: "await new Promise(() => {});",
      exits: "process.exit(3);",
      dies: `import { execFileSync } from "node:child_process"; execFileSync("/bin/sh", ["-c", "kill -9 $PPID"]);`,
    };
    const { flows, call, logged } = await loadedFlows(
      {
        ...Object.fromEntries(
          Object.entries(bad).map(([id, before]) => [`${id}.mjs`, flowFile(id, "", before)]),
        ),
        "good.mjs": flowFile("good", ""),
        "zeal.ts": flowFile("zeal", ""),
      },
      { bounds: { loadMs: 4_000 } },
    );
    expect((await call("good")).end).toEqual({ kind: "returned" });
    expect((await call("zeal")).end).toEqual({ kind: "returned" });
    for (const id of Object.keys(bad)) expect(flows.get(id)).toBeUndefined();
    const reasons = logged().map((line) => String(line["reason"]));
    expect(reasons.join("\n")).toMatch(
      /dies\.mjs is no flow: The process of the file ended by SIGKILL\n.*exits\.mjs is no flow: The handler called process\.exit\(3\)\n.*loops\.mjs is no flow: The file blocks its process.*\n.*throws\.mjs is no flow: no shop\n.*waits\.mjs is no flow: its top level took more than 4000 ms/,
    );
  }, 60_000);

  test("a broken change of a flow file keeps the old flow, and a good one reaches the hosts at once", async () => {
    const { flows, call, write, logged } = await loadedFlows({
      "greet.mjs": flowFile("greet", `log.info("one");`),
      "other.mjs": flowFile("other", `log.info("other");`),
    });
    const says = async (id: string) => (await call(id)).lines.map(({ message }) => message);
    expect(await says("greet")).toEqual(["one"]);
    const slow = call("other");
    write("greet.mjs", flowFile("greet", `log.info("two");`));
    await flows.reload(signal);
    expect(await says("greet")).toEqual(["two"]);
    for (const before of ["for (;;);", "process.exit(1);", `throw new Error("no");`]) {
      write("greet.mjs", flowFile("greet", `log.info("three");`, before));
      await flows.reload(signal);
      expect(await says("greet")).toEqual(["two"]);
    }
    expect((await slow).end).toEqual({ kind: "returned" });
    const kept = logged().filter(({ msg }) => msg === "a flow file keeps its old flow");
    expect(kept).toHaveLength(3);
  }, 60_000);

  test("a flow file that throws later, from a timer, ends no run", async () => {
    const { call, ended, logged } = await loadedFlows({
      "late.mjs": flowFile(
        "late",
        `await new Promise((resolve) => setTimeout(resolve, 300));`,
        `setTimeout(() => { throw new Error("left behind"); }, 100);`,
      ),
    });
    expect((await call("late")).end).toEqual({ kind: "returned" });
    expect(ended).toEqual([]);
    expect(logged()).toContainEqual(
      expect.objectContaining({ reason: "left behind", of: expect.stringContaining("late.mjs") }),
    );
  });
});
