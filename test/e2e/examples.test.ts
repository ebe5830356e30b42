import { execFile } from "node:child_process";
import { cpSync, readFileSync } from "node:fs";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { until } from "../support/until.ts";

const EXAMPLES = new URL("../../examples/flows", import.meta.url).pathname;
const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

beforeAll(builtProgram);

/** Runs the command line, and returns its output and exit code. */
async function headrace(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  const env = { PATH: process.env["PATH"], HEADRACE_ADMIN_KEY: ADMIN_KEY };
  return await promisify(execFile)(process.execPath, [MAIN, ...args], { env }).then(
    ({ stdout, stderr }) => ({ code: 0, out: stdout, err: stderr }),
    (error) => ({ code: error.code, out: error.stdout, err: error.stderr }),
  );
}

describe("the example flows", () => {
  test("the example flows are applied by one command, which prints the changes, and run", async () => {
    const calls: unknown[] = [];
    const sink = await serve(async (request, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of request) chunks.push(chunk);
      calls.push({ order: request.headers["x-order"], body: JSON.parse(Buffer.concat(chunks).toString()) });
      response.end();
    });
    const { folder, write } = flowsFolder({});
    cpSync(EXAMPLES, folder, { recursive: true });
    const http = readFileSync(`${folder}/large-orders.json`, "utf8");
    write("large-orders.json", http.replace("http://127.0.0.1:8080/demo/sink", sink.url));
    const { start } = await createInstallation();
    const { url } = await start({ env: { HEADRACE_FLOWS_DIR: folder } });
    const apply = async (...more: string[]) => {
      const { out, err } = await headrace(
        "flows",
        "apply",
        folder,
        "--tenant",
        "acme",
        "--url",
        url,
        ...more,
      );
      return { out, err };
    };

    const unknown = await apply();
    expect(unknown).toEqual({ out: "", err: "headrace: There is no tenant acme\n" });
    await api(url, "PUT", "/tenants/acme", {});
    const dry = JSON.parse((await apply("--dry-run", "--json")).out);
    expect(dry).toMatchObject({
      dry_run: true,
      flows: ["large-orders", "nightly-report", "ship-order"].map((flow) => ({
        flow,
        change: "created",
        deployed: true,
      })),
    });
    expect(await api(url, "GET", "/tenants/acme/flows")).toMatchObject({ items: [] });
    const applied = await apply();
    expect(applied.err).toBe("");
    expect(applied.out).toMatch(
      /^large-orders: created, deployed, version 1, signing secret whsec_\S+ \(shown/,
    );
    expect(applied.out).toContain("\nship-order: created, deployed, version 1");

    const data = { data: { order: "A-1", status: "completed", total: 250 } };
    await api(url, "POST", "/tenants/acme/events", { connector: "demo", type: "order.paid", data });
    const runs = async () =>
      (
        (await api(url, "GET", "/tenants/acme/runs")) as {
          items: { id: string; flow_id: string; status: string }[];
        }
      ).items;
    await until("two flows ran", async () => {
      const ended = (await runs()).filter((run) => run.status === "succeeded");
      return ended.length === 2;
    });
    expect(calls).toEqual([{ order: "A-1", body: { order: "A-1", total: 250 } }]);
    const shipped = (await runs()).find((run) => run.flow_id === "ship-order");
    expect(await api(url, "GET", `/tenants/acme/runs/${shipped?.id}/log`)).toMatchObject({
      items: [{ message: "label printed", fields: { parcel: "parcel-of-A-1" } }],
    });

    // Applied again: first without changes, then with a changed flow, then with an undeployed one.
    const changes = async (...more: string[]) =>
      JSON.parse((await apply("--json", ...more)).out).flows.map(
        (one: { flow: string; change: string; deployed: boolean; version: number }) =>
          `${one.flow} ${one.change} ${one.deployed} ${one.version}`,
      );
    const unchanged = ["large-orders", "nightly-report", "ship-order"].map(
      (flow) => `${flow} unchanged false 1`,
    );
    expect(await changes()).toEqual(unchanged);
    expect(await changes("--dry-run")).toEqual(unchanged);
    const ship = readFileSync(`${folder}/ship-order.ts`, "utf8");
    write("ship-order.ts", ship.replace("max_attempts: 8", "max_attempts: 9"));
    expect(await changes("--dry-run")).toContain("ship-order updated true undefined");
    expect(await changes()).toEqual([...unchanged.slice(0, 2), "ship-order updated true 2"]);
    const off = await headrace("flows", "undeploy", "ship-order", "--tenant", "acme", "--url", url);
    expect(off).toEqual({ code: 0, out: "ship-order: undeployed\n", err: "" });
    expect(await changes()).toEqual([...unchanged.slice(0, 2), "ship-order unchanged true 2"]);

    // A folder with one bad file changes nothing.
    write("another.json", '{"trigger": {}, "action": {"type": "http", "url": "https://example.com/"}}');
    write(
      "bad.json",
      '{"trigger": {"where": "total gt"}, "action": {"type": "http", "url": "https://example.com/"}}',
    );
    const bad = await headrace("flows", "apply", folder, "--tenant", "acme", "--url", url);
    expect([bad.code, bad.out]).toEqual([1, ""]);
    expect(bad.err).toMatch(new RegExp(`^headrace: ${folder}/bad.json: `));
    expect(((await api(url, "GET", "/tenants/acme/flows")) as { items: unknown[] }).items).toHaveLength(3);
    const missing = await headrace("flows", "deploy", "nobody", "--tenant", "acme", "--url", url, "--json");
    expect([missing.code, missing.err]).toEqual([1, "headrace: There is no flow nobody\n"]);
  }, 90_000);
});
