import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { api } from "../support/process.ts";
import { connect, eventsOf, post, receiving } from "../support/receiving.ts";
import { until } from "../support/until.ts";

beforeAll(builtProgram);

test("JSON under any content type and multipart forms become events, the rest dead letters", async () => {
  const headrace = await receiving({});
  const url = await connect(headrace, "none", {});
  const form = [
    '--b\r\nContent-Disposition: form-data; name="order"\r\n\r\n7\r\n',
    '--b\r\nContent-Disposition: form-data; name="scan"; filename="a.pdf"\r\nContent-Type: application/pdf\r\n\r\n%PDF\r\n',
    "--b--\r\n",
  ].join("");
  const sent: [contentType: string | undefined, body: string, data: unknown][] = [
    ["text/plain", '{"n":1}', { n: 1 }],
    ["application/octet-stream", '{"n":2}', { n: 2 }],
    ["application/x-www-form-urlencoded", '{"n":3}', { n: 3 }],
    ["application/json", '\ufeff{"n":4}', { n: 4 }],
    [
      'multipart/form-data; boundary="b"',
      form,
      { order: "7", scan: { filename: "a.pdf", content_type: "application/pdf", size_bytes: 4 } },
    ],
    ["application/xml", "<n>6</n>", null],
  ];
  for (const [contentType, body] of sent) {
    const answer = await post(url, contentType === undefined ? {} : { "content-type": contentType }, body);
    expect([contentType, answer.status]).toEqual([contentType, 200]);
  }
  const letters = async () => {
    const { items } = (await api(headrace.url, "GET", "/tenants/acme/dlq")) as { items: { stage: string }[] };
    return items.filter(({ stage }) => stage === "normalize");
  };
  await until("the unreadable body is a dead letter", async () => (await letters()).length === 1);
  expect(JSON.stringify(await letters())).toContain("neither JSON nor a form");
  const events = await eventsOf(headrace);
  expect(events.map(({ data }) => data).reverse()).toEqual(sent.map(([, , data]) => data));
});

test("HEAD and GET are answered 200 without an event where the connector asks for it", async () => {
  const headrace = await receiving({ HEADRACE_ROLES: "api,receive" });
  const url = await connect(headrace, "token", { secret: "s3cret-token-of-acme" });
  const answers = async () =>
    await Promise.all(
      [url, url.replace("/acme", "/nobody"), url.replace("/acme", ""), `${url}/`].flatMap((target) =>
        ["HEAD", "GET"].map(async (method) => (await fetch(target, { method })).status),
      ),
    );
  expect(new Set(await answers())).toEqual(new Set([405]));
  await api(headrace.url, "PUT", "/connectors/token", {
    webhook: { preset: "token", params: { header: "x-token", probe: true } },
  });
  expect(await answers()).toEqual(Array.from({ length: 8 }, () => 200));
  const delivery = await post(url, { "x-token": "s3cret-token-of-acme" }, '{"type":"t"}');
  expect(delivery.status).toBe(200);
  expect((await post(url, {}, '{"type":"t"}')).status).toBe(401);
  expect(await eventsOf(headrace)).toHaveLength(1);
});
