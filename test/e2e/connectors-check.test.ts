import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { startGithub } from "../support/apis/github.ts";
import { builtProgram } from "../support/built.ts";

beforeAll(builtProgram);

const ROOT = fileURLToPath(new URL("../../", import.meta.url));

async function headrace(args: string[], env: Record<string, string> = {}) {
  const child = spawn(process.execPath, [`${ROOT}dist/cli/main.js`, ...args], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"], ...env },
  });
  let [stdout, stderr] = ["", ""];
  child.stdout.on("data", (chunk) => (stdout += chunk));
  child.stderr.on("data", (chunk) => (stderr += chunk));
  const [code] = await once(child, "close");
  return { code, stdout, stderr };
}

test("connectors check polls an API with the params and credentials of its options, and exits 0", async () => {
  const github = await startGithub();
  onTestFinished(github.close);
  const args = ["connectors", "check", "connectors/github-issues.json"];
  for (const [name, value] of Object.entries(github.params)) args.push("--param", `${name}=${value}`);
  const env = { HEADRACE_ALLOW_PRIVATE_TARGETS: "127.0.0.0/8" };
  args.push("--credential", `token=${github.credentials["token"]}`);
  const shown = await headrace(args, env);
  expect([shown.code, shown.stdout]).toEqual([0, expect.stringContaining("the list is complete")]);
  expect(shown.stdout).toContain("230 records, ids unique, updated_at readable in 230");
  expect(shown.stdout).toContain("limit of 5000");
  expect(shown.stderr).toContain("page 3: 30 records");

  const { code, stdout, stderr } = await headrace([...args, "--again", "--json"], env);
  expect([code, stderr]).toEqual([0, ""]);
  expect(JSON.parse(stdout)).toMatchObject({
    ok: true,
    webhook: { verified: true },
    source: { readings: [{ complete: true, records: 230 }, { complete: true }], difference: { updated: [] } },
  });

  const refused = await headrace(args);
  expect([refused.code, refused.stdout]).toEqual([
    1,
    expect.stringContaining("HEADRACE_ALLOW_PRIVATE_TARGETS"),
  ]);
});

test("connectors check without params validates a file, tries its webhook and polls nothing", async () => {
  const { code, stdout } = await headrace(["connectors", "check", "connectors/slack-users.json"]);
  expect([code, stdout]).toEqual([0, expect.stringContaining("source: not polled")]);
  expect(stdout).toContain("an altered body is refused");
});

test("connectors check says in one line that a file or an option cannot be read, without the option's value", async () => {
  const missing = await headrace(["connectors", "check", "nothing.json"]);
  expect([missing.code, missing.stderr]).toEqual([
    1,
    expect.stringMatching(/^headrace: nothing\.json cannot be read[^\n]*\n$/),
  ]);
  const bad = await headrace([
    "connectors",
    "check",
    "connectors/slack-users.json",
    "--credential",
    "xoxb-secret",
  ]);
  expect([bad.code, bad.stderr]).toEqual([1, expect.stringMatching(/^headrace: Give params[^\n]*\n$/)]);
});
