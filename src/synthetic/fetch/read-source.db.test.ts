import { expect, test } from "vitest";
import { migratedDatabase } from "../../../test/support/database.ts";
import { insertSource } from "../../../test/support/polled-source.ts";
import { putSecret, secretAad } from "../../postgres/access/secrets.ts";
import { deleteTenant } from "../../postgres/access/tenants.ts";
import { createKeyRing } from "../../postgres/core/key-ring.ts";
import { credentialsAad, renewCredentials } from "../../postgres/sources/sources.ts";
import { readPolledSource } from "./read-source.ts";

const KEY_RING = createKeyRing(`k1:${Buffer.alloc(32, 7).toString("base64")}`);
const NAME = { tenantId: "acme", source: "orders" };

const CONNECTOR = {
  request: {
    url: "{base_url}/{account}/orders",
    headers: { "x-team": "{team}", "x-key": "Key {{secret.shop-key}}" },
    query: { since: "{since}" },
  },
  auth: { type: "oauth2", grant: "client_credentials", token_url: "{base_url}/token" },
  pagination: { type: "page", param: "page", start: 1, size_param: "per_page", size: 100 },
  records: "orders",
  id: ["shop", "id"],
  ignore: ["/etag"],
  null_equals_missing: true,
};
const PARAMS = { base_url: "https://shop.example/api/", account: "a/b?c", team: "red", since: "a&b" };

test("a source is read with its connector, filled placeholders and decrypted credentials", async () => {
  const { database } = await migratedDatabase();
  await insertSource(database, KEY_RING, {
    connectorSource: CONNECTOR,
    credentials: { client_id: "id", client_secret: "s3cret" },
    definition: { params: PARAMS, diff: "none" },
  });
  const key = { tenantId: "acme", name: "shop-key" };
  await putSecret(database.pipeline, { ...key, ...KEY_RING.seal("k-1", secretAad(key)) });
  const source = await readPolledSource(database.pipeline, KEY_RING, NAME);
  expect(source).toMatchObject({
    ...NAME,
    connector: "shop",
    entity: "order",
    diff: "none",
    baseline: "silent",
    records: { id: ["shop", "id"], ignore: ["/etag"], nullEqualsMissing: true },
    deletions: { enabled: true, confirmPolls: 2, graceMs: 0, maxFraction: 0.1, maxCount: 10 },
    fetch: {
      kind: "http",
      request: {
        url: "https://shop.example/api/a%2Fb%3Fc/orders",
        method: "GET",
        headers: { "x-team": "red", "x-key": "Key k-1" },
        query: { since: "a&b" },
        auth: { token_url: "https://shop.example/api/token" },
        recordsPath: "orders",
        credentials: { client_id: "id", client_secret: "s3cret" },
      },
    },
  });
});

test("a param that a source leaves out has the connector's value", async () => {
  const { database } = await migratedDatabase();
  const connectorSource = {
    request: { url: "{base_url}/{path}" },
    params: { base_url: "https://a.example", path: "x" },
  };
  await insertSource(database, KEY_RING, { connectorSource, definition: { params: { path: "y" } } });
  const read = await readPolledSource(database.pipeline, KEY_RING, NAME);
  expect(read?.fetch).toMatchObject({ request: { url: "https://a.example/y" } });
});

test("a disabled source, or one of a deleted tenant, is not read", async () => {
  const { database } = await migratedDatabase();
  await insertSource(database, KEY_RING, { connectorSource: { handler: "shop" }, enabled: false });
  expect(await readPolledSource(database.pipeline, KEY_RING, NAME)).toBeUndefined();
  await insertSource(database, KEY_RING, { connectorSource: { handler: "shop" } });
  expect((await readPolledSource(database.pipeline, KEY_RING, NAME))?.fetch).toMatchObject({ kind: "code" });
  await database.transaction((transaction) => deleteTenant(transaction, "acme"));
  expect(await readPolledSource(database.pipeline, KEY_RING, NAME)).toBeUndefined();
});

test("the error of a missing param or secret names it and contains no value", async () => {
  const { database } = await migratedDatabase();
  const read = () => readPolledSource(database.pipeline, KEY_RING, NAME);
  await insertSource(database, KEY_RING, {
    connectorSource: CONNECTOR,
    definition: { params: PARAMS },
  });
  await expect(read()).rejects.toThrow("The source needs the secret shop-key, which does not exist");
  const { "x-key": _key, ...headers } = CONNECTOR.request.headers;
  const connectorSource = { ...CONNECTOR, request: { ...CONNECTOR.request, headers } };
  await insertSource(database, KEY_RING, { connectorSource, definition: { params: {} } });
  await expect(read()).rejects.toThrow("The param base_url must be a value");
  const params = { ...PARAMS, base_url: "ftp://secret-host" };
  await insertSource(database, KEY_RING, { connectorSource, definition: { params } });
  await expect(read()).rejects.toThrow(/^The param base_url must be an absolute http or https URL/);
});

test("a PUT changes a source's version; rotated credentials do not, and never overwrite those of a PUT", async () => {
  const { database } = await migratedDatabase();
  const given = { connectorSource: { handler: "shop" }, credentials: { token: "1" } };
  const read = async () => (await readPolledSource(database.pipeline, KEY_RING, NAME))!;
  const renew = (version: string) =>
    renewCredentials(
      database.pipeline,
      { ...NAME, version },
      KEY_RING.seal('{"token":"2"}', credentialsAad(NAME)),
    );
  await insertSource(database, KEY_RING, given);
  const first = await read();
  expect(await renew(first.version)).toBe(true);
  expect(await read()).toMatchObject({ version: first.version, fetch: { credentials: { token: "2" } } });
  await insertSource(database, KEY_RING, given);
  const second = await read();
  expect(second.version).not.toBe(first.version);
  expect(await renew(first.version)).toBe(false);
  expect(second.fetch).toMatchObject({ credentials: { token: "1" } });
});

test("a token that a poll renews survives a PUT that kept the credentials", async () => {
  const { database } = await migratedDatabase();
  const given = { connectorSource: { handler: "shop" }, credentials: { token: "1" } };
  await insertSource(database, KEY_RING, given);
  const read = async () => (await readPolledSource(database.pipeline, KEY_RING, NAME))!;
  const before = await read();
  await insertSource(database, KEY_RING, { ...given, credentials: "kept" });
  const after = await read();
  expect(after.version).not.toBe(before.version);
  expect(after.fetch).toMatchObject({ credentials: { token: "1" } });
  const renewed = KEY_RING.seal('{"token":"2"}', credentialsAad(NAME));
  const { version } = before;
  expect(await renewCredentials(database.pipeline, { ...NAME, version }, renewed)).toBe(true);
  expect((await read()).fetch).toMatchObject({ credentials: { token: "2" } });
});
