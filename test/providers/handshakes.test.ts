import { createHmac } from "node:crypto";
import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { api, type HeadraceProcess } from "../support/process.ts";
import { providerKeys } from "../support/provider-keys.ts";
import { connect, eventsOf, post, receiving, signedSample } from "../support/receiving.ts";

beforeAll(builtProgram);

const JSON_TYPE = { "content-type": "application/json" };

function slackHeaders(body: string, secret = "slack-secret") {
  const time = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", secret).update(`v0:${time}:${body}`).digest("hex");
  return { ...JSON_TYPE, "x-slack-request-timestamp": time, "x-slack-signature": `v0=${signature}` };
}

function zoomHeaders(body: string) {
  const time = String(Math.floor(Date.now() / 1_000));
  const signature = createHmac("sha256", "zoom-secret").update(`v0:${time}:${body}`).digest("hex");
  return { ...JSON_TYPE, "x-zm-request-timestamp": time, "x-zm-signature": `v0=${signature}` };
}

async function nothingWasRouted(headrace: HeadraceProcess): Promise<void> {
  expect(await eventsOf(headrace)).toEqual([]);
}

test("a GET handshake echoes its challenge, with the right token (Meta) or without one (Dropbox)", async () => {
  const headrace = await receiving();
  const meta = await connect(headrace, "meta", { secret: "s", params: { verify_token: "mine" } });
  const ask = (token: string, challenge = "1158201444") =>
    post(`${meta}?hub.mode=subscribe&hub.verify_token=${token}&hub.challenge=${challenge}`, {}, "", "GET");
  const answer = await ask("mine", "%3Cscript%3E");
  expect([answer.status, answer.text]).toEqual([200, "<script>"]);
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain/);
  expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
  const wrong = await ask("other");
  expect([wrong.status, wrong.text]).toEqual([401, ""]);
  expect((await ask("mine", "x".repeat(5_000))).status).toBe(401);

  const dropbox = await connect(headrace, "dropbox", { secret: "s" });
  const echoed = await post(`${dropbox}?challenge=abc%20d`, {}, "", "GET");
  expect([echoed.status, echoed.text]).toEqual([200, "abc d"]);
  expect((await post(dropbox, {}, "", "GET")).status).toBe(401);
  expect((await post(`${dropbox.replace("acme", "nobody")}?challenge=a`, {}, "", "GET")).status).toBe(401);
  await nothingWasRouted(headrace);
});

test("a GET handshake does not reveal whether an endpoint, its token or its tenant exists", async () => {
  const headrace = await receiving();
  await api(headrace.url, "PUT", "/connectors/meta", { webhook: { preset: "meta" } });
  const base = `${headrace.url}/api/v1/webhooks/meta`;
  for (const [tenant, params] of [
    ["acme", { verify_token: "mine" }],
    ["other", {}],
  ] as const)
    await api(headrace.url, "PUT", `/tenants/${tenant}/endpoints/meta`, {
      secrets: [{ value: "s" }],
      params,
    });
  const query = "?hub.mode=subscribe&hub.challenge=1&hub.verify_token";
  const right = await post(`${base}/acme${query}=mine`, {}, "", "GET");
  expect([right.status, right.text]).toEqual([200, "1"]);
  for (const tenant of ["acme", "other", "nobody"]) {
    for (const asked of ["", query, `${query}=`, `${query}=wrong`]) {
      const refused = await post(`${base}/${tenant}${asked}`, {}, "", "GET");
      expect([tenant, asked, refused.status, refused.text]).toEqual([tenant, asked, 401, ""]);
    }
  }
});

test("the validation token of Microsoft Graph is echoed as text", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "ms-graph", { secret: "client-state" });
  const answer = await post(`${url}?validationToken=Validation%3A+Testing%20%E2%9C%93`, {}, "");
  expect([answer.status, answer.text]).toEqual([200, "Validation: Testing ✓"]);
  expect(answer.headers.get("content-type")).toMatch(/^text\/plain/);
  await nothingWasRouted(headrace);
});

test("Slack's challenge is echoed only with a valid signature, also at the app's URL", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "slack", { secret: "slack-secret", account: "T1" });
  const body =
    '{"type":"url_verification","token":"t","challenge":"3eZbrw1aBm2rZgRNFdxV2595E9CY3gmdALWMmHkvFXO7tYXAYM8P"}';
  for (const target of [url, url.replace("/acme", "")]) {
    const answer = await post(target, slackHeaders(body), body);
    expect([answer.status, answer.text]).toEqual([200, JSON.parse(body).challenge]);
    expect((await post(target, slackHeaders(body, "wrong"), body)).status).toBe(401);
  }
  await nothingWasRouted(headrace);
});

test("Zoom's token is returned with its HMAC", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "zoom", { secret: "zoom-secret" });
  const body = '{"event":"endpoint.url_validation","payload":{"plainToken":"qgg8vlvZRS6UYooatFL8Aw"}}';
  const answer = await post(url, zoomHeaders(body), body);
  expect([answer.status, JSON.parse(answer.text)]).toEqual([
    200,
    {
      plainToken: "qgg8vlvZRS6UYooatFL8Aw",
      encryptedToken: createHmac("sha256", "zoom-secret").update("qgg8vlvZRS6UYooatFL8Aw").digest("hex"),
    },
  ]);
  await nothingWasRouted(headrace);
});

test("Asana's handshake stores a secret only while the endpoint has none, and it verifies from then on", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "asana", {});
  const shake = (secret: string) => post(url, { ...JSON_TYPE, "x-hook-secret": secret }, "{}");
  const answers = await Promise.all(["one", "two", "three"].map(shake));
  const taken = answers.filter((answer) => answer.status === 200);
  expect(taken).toHaveLength(1);
  const secret = taken[0]?.headers.get("x-hook-secret") ?? "";
  expect(["one", "two", "three"]).toContain(secret);
  expect((await shake("four")).status).toBe(401);
  const endpoint = await api(headrace.url, "GET", "/tenants/acme/endpoints/asana");
  expect(endpoint).toMatchObject({ status: "active", secrets: [{}] });
  expect(JSON.stringify(endpoint)).not.toContain(secret);
  const keys = { secret, signingSecret: secret };
  const good = signedSample("asana", url, { keys });
  expect((await post(url, good.headers, good.body)).status).toBe(200);
  const heartbeat = '{"events":[]}';
  const signature = createHmac("sha256", secret).update(heartbeat).digest("hex");
  const beat = await post(url, { ...JSON_TYPE, "x-hook-signature": signature }, heartbeat);
  expect([beat.status, JSON.parse(beat.text)]).toEqual([200, { status: "accepted" }]);
  expect(await eventsOf(headrace)).toHaveLength(1);
});

test("Notion's token is kept for the user to paste back, and verifies from then on", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "notion", {});
  const path = "/tenants/acme/endpoints/notion/handshake";
  await expect(api(headrace.url, "GET", path)).rejects.toThrow("404");
  const token = "secret_tMrlL1qK5vuQAh1b6cZGhFChZTSYJlce98V0pYn7yBl";
  const shaken = await post(url, JSON_TYPE, JSON.stringify({ verification_token: token }));
  expect(shaken.status).toBe(200);
  expect(await api(headrace.url, "GET", path)).toMatchObject({ verification_token: token });
  const other = await post(url, JSON_TYPE, '{"verification_token":"of an attacker"}');
  expect(other.status).toBe(401);
  const { key } = (await api(headrace.url, "POST", "/keys", {
    name: "r",
    tenant_id: "acme",
    scope: "read",
  })) as { key: string };
  const asReader = await fetch(`${headrace.url}/api/v1${path}`, {
    headers: { authorization: `Bearer ${key}` },
  });
  expect(asReader.status).toBe(403);
  const good = signedSample("notion", url, { keys: { secret: token, signingSecret: token } });
  expect((await post(url, good.headers, good.body)).status).toBe(200);
  expect(headrace.output()).not.toContain(token);
});

test("Xero's probes get an empty 401 for wrong signatures and success for right ones", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "xero", { secret: "xero-key" });
  const body = '{"events":[],"firstEventSequence":0,"lastEventSequence":0,"entropy":"S0m3r4Nd0mt3xt"}';
  const sign = (key: string) => ({
    ...JSON_TYPE,
    "x-xero-signature": createHmac("sha256", key).update(body).digest("base64"),
  });
  for (const target of [url, url.replace("/acme", "")]) {
    const right = await post(target, sign("xero-key"), body);
    const wrong = await post(target, sign("other"), body);
    expect([right.status, right.text, wrong.status, wrong.text]).toEqual([200, "", 401, ""]);
    expect(right.headers.get("set-cookie")).toBeNull();
  }
  await nothingWasRouted(headrace);
});

test("signed pings of Discord, GitHub and Intercom are answered without an event", async () => {
  const headrace = await receiving();
  const discord = providerKeys("discord");
  const discordUrl = await connect(headrace, "discord", { secret: discord.secret });
  const ping = signedSample("discord", discordUrl, { keys: discord, data: { version: 1, type: 0 } });
  const answer = await post(discordUrl, ping.headers, ping.body);
  expect([answer.status, answer.text]).toEqual([204, ""]);
  const wrong = { ...ping.headers, "x-signature-ed25519": "0".repeat(128) };
  expect((await post(discordUrl, wrong, ping.body)).status).toBe(401);

  for (const [preset, data, type] of [
    ["github", { zen: "Keep it logically awesome." }, "ping"],
    ["intercom", { id: "notif_1", topic: "ping" }, undefined],
  ] as const) {
    const url = await connect(headrace, preset, { secret: providerKeys(preset).secret });
    const sample = signedSample(preset, url, { data, ...(type !== undefined && { type }) });
    expect((await post(url, sample.headers, sample.body)).status).toBe(200);
  }
  await nothingWasRouted(headrace);
});

test("WooCommerce's unsigned ping is answered without an event", async () => {
  const headrace = await receiving();
  const url = await connect(headrace, "woocommerce", { secret: "s" });
  const form = { "content-type": "application/x-www-form-urlencoded" };
  expect((await post(url, form, "webhook_id=3")).status).toBe(200);
  expect((await post(url, form, "webhook=3")).status).toBe(401);
  await nothingWasRouted(headrace);
});
