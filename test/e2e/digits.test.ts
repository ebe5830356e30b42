import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, describe, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { deliver } from "../support/deliver.ts";
import { flowsFolder } from "../support/flows-folder.ts";
import { createInstallation } from "../support/installation.ts";
import { serve } from "../support/local-target.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { putAndDeploy, setUpTenant } from "../support/tenant.ts";
import { until } from "../support/until.ts";

const MAIN = new URL("../../dist/cli/main.js", import.meta.url).pathname;

const DATA = '{"id":1234567890123456789,"total":0.1000,"rate":1E-9,"lines":[{"qty":1.0},{"qty":-0}],"n":7}';

beforeAll(builtProgram);

/** Calls the management API with exact bytes. Returns the response as text. */
async function call(url: string, method: string, path: string, body?: string): Promise<string> {
  const response = await fetch(`${url}/api/v1${path}`, {
    method,
    headers: {
      authorization: `Bearer ${ADMIN_KEY}`,
      ...(body === undefined ? {} : { "content-type": "application/json" }),
    },
    ...(body === undefined ? {} : { body }),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path} answered ${response.status}: ${text}`);
  return text;
}

describe("the digits of a number", () => {
  test("reach the target, the template, the handler, the API, the dead letter and the command line as they came", async () => {
    const bodies = new Map<string, string>();
    const target = await serve(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      bodies.set(String(request.url), text);
      response.writeHead(request.url?.startsWith("/refuse") ? 400 : 200).end();
    });
    const { folder } = flowsFolder({
      "handled.ts": `
        import { defineFlow } from "headrace";
        export default defineFlow({ id: "handled" }, async ({ event }) => {
          const { id, total } = event.data.data;
          await fetch("${target.url}/json", { method: "POST", body: event.json });
          await fetch("${target.url}/numbers", { method: "POST", body: JSON.stringify([typeof id, id, total]) });
        });`,
    });
    const { start } = await createInstallation();
    const { url } = await start({ env: { HEADRACE_FLOWS_DIR: folder } });
    const http = (path: string, more = {}) => ({ type: "http", url: `${target.url}${path}`, ...more });
    const trigger = { connector: "shop", where: "data.id eq 1234567890123456789 and data.total eq 0.1" };
    const body =
      '{"id": {{event.data.data.id}}, "total": "{{event.data.data.total}}", "lines": {{event.data.data.lines}}}';
    const { webhookPath } = await setUpTenant(url, "acme", {
      sent: { trigger, action: http("/sent") },
      templated: { trigger, action: http("/templated/{{event.data.data.id}}", { body }) },
      refused: { trigger, action: http("/refused") },
      handled: { trigger, action: { type: "code", handler: "handled" } },
      // One more than the number that came; JavaScript has one number for both.
      other: { trigger: { ...trigger, where: "data.id eq 1234567890123456788" }, action: http("/other") },
    });
    const tree = '{"op":"gte","path":"data.id","value":1234567890123456789.0}';
    await call(
      url,
      "PUT",
      "/tenants/acme/flows/tree",
      `{"trigger":{"connector":"shop","where":${tree}},"action":{"type":"http","url":"${target.url}/tree"}}`,
    );
    await api(url, "POST", "/tenants/acme/flows/tree/deploy");
    expect(await call(url, "GET", "/tenants/acme/flows/tree")).toContain("data.id gte 1234567890123456789");

    const text = `{"type":"order.paid","timestamp":"2026-01-01T00:00:00Z","data":${DATA}}`;
    const accepted = await deliver(`${url}${webhookPath}`, {
      id: "msg_1",
      type: "order.paid",
      data: {},
      body: text,
    });
    const eventId = accepted?.body.event_id;
    await until("every flow was called", () => bodies.size === 6);
    expect(bodies.get("/sent")).toContain(`"data":${text}`);
    expect(bodies.get("/tree")).toContain(`"data":${text}`);
    expect(bodies.get("/templated/1234567890123456789")).toBe(
      '{"id": 1234567890123456789, "total": 0.1000, "lines": [{"qty":1.0},{"qty":-0}]}',
    );
    expect(bodies.get("/json")).toBe(text);
    expect(bodies.get("/numbers")).toBe('["number",1234567890123456800,0.1]');

    expect(await call(url, "GET", `/tenants/acme/events/${eventId}`)).toContain(`"data":${text}`);
    const seen = await call(url, "GET", `/tenants/acme/events/${eventId}`);
    expect(seen).toContain('"path":"data.id","value":"1234567890123456789"');
    expect(await call(url, "GET", "/tenants/acme/events")).toContain(`"data":${text}`);
    let letter = "";
    await until("the dead letter is there", async () => {
      letter = await call(url, "GET", "/tenants/acme/dlq");
      return letter.includes("event_payload");
    });
    expect(letter).toContain(`"event_payload":${text}`);
    const { id } = (JSON.parse(letter) as { items: { id: string }[] }).items[0] as { id: string };
    const run = promisify(execFile);
    const command = async (...args: string[]) =>
      (
        await run(process.execPath, [
          MAIN,
          "dlq",
          ...args,
          "--tenant",
          "acme",
          "--url",
          url,
          "--key",
          ADMIN_KEY,
        ])
      ).stdout;
    expect(await command("show", id, "--json")).toContain(`"event_payload":${text}`);
    expect(await command("show", id)).toContain('"total": 0.1000');

    const payload = '{"data":{"id":1234567890123456789,"total":2.50}}';
    await command("replay", id, "--payload", payload);
    await until("the replay was called", () => bodies.get("/refused")?.includes("2.50") ?? false);
    expect(bodies.get("/refused")).toContain(`"data":${payload}`);
    expect(await call(url, "GET", `/tenants/acme/dlq/${id}`)).toContain(`"edited_payload":${payload}`);
  }, 60_000);

  test("survive a POST of events and a manual run, large or small", async () => {
    const bodies: string[] = [];
    const target = await serve(async (request, response) => {
      let text = "";
      for await (const chunk of request) text += chunk;
      bodies.push(text);
      response.end();
    });
    const { start } = await createInstallation();
    const { url } = await start();
    await api(url, "PUT", "/tenants/acme", {});
    await putAndDeploy(url, "acme", "f", { trigger: {}, action: { type: "http", url: target.url } });
    const large = `{"pad":"${"x".repeat(100_000)}","id":1234567890123456789,"total":0.1000}`;
    for (const data of [DATA, large]) {
      const events = await call(
        url,
        "POST",
        "/tenants/acme/events",
        `[{"type":"a","data":${data},"priority":1.0}]`,
      );
      const [eventId] = (JSON.parse(events) as { event_ids: string[] }).event_ids;
      expect(await call(url, "GET", `/tenants/acme/events/${eventId}`)).toContain(`"data":${data}`);
      await call(url, "POST", "/tenants/acme/flows/f/run", `{"data":${data}}`);
      await until(
        "both runs were sent",
        () => bodies.filter((body) => body.includes(`"data":${data}`)).length === 2,
      );
    }
  }, 60_000);

  test("of a condition in a flow file are applied, and a change of the last one is a change", async () => {
    const { start } = await createInstallation();
    const { url } = await start();
    await api(url, "PUT", "/tenants/acme", {});
    const run = promisify(execFile);
    const apply = async (digits: string) => {
      const { folder } = flowsFolder({
        "f.json": `{"trigger":{"where":{"op":"eq","path":"id","value":${digits}},
          "schedule":{"cron":"0 0 1 1 *","data":{"id":${digits}}}},
          "rate_limit":{"per_second":10.0},"action":{"type":"http","url":"https://target.example/"}}`,
      });
      const flags = ["--tenant", "acme", "--json", "--url", url, "--key", ADMIN_KEY];
      const { stdout } = await run(process.execPath, [MAIN, "flows", "apply", folder, ...flags]);
      return (JSON.parse(stdout) as { flows: { change: string }[] }).flows.map(({ change }) => change);
    };
    const kinds = [
      await apply("1234567890123456789"),
      await apply("1234567890123456789"),
      await apply("1234567890123456788"),
    ];
    expect(kinds).toEqual([["created"], ["unchanged"], ["updated"]]);
    const shown = await call(url, "GET", "/tenants/acme/flows/f");
    expect(shown).toContain('"where_text":"id eq 1234567890123456788"');
    expect(shown).toContain('"data":{"id":1234567890123456788}');
    const audit = await call(url, "GET", "/tenants/acme/audit");
    expect(audit).toContain("1234567890123456788");
  }, 60_000);
});
