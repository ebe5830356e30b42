import { describe, expect, test } from "vitest";
import { createKeyRing, type KeyRing } from "../../src/postgres/core/key-ring.ts";
import { replaceSealed, sampleSealed } from "../../src/postgres/core/sealed-values.ts";
import { createEncryptionKeys } from "../../src/wiring/encryption/encryption-keys.ts";
import { reencrypt } from "../../src/wiring/encryption/reencrypt.ts";
import { SEALED_COLUMNS } from "../../src/wiring/encryption/sealed-columns.ts";
import { type ServedApi, serveApi } from "./serve-api.ts";

const K1 = `k1:${Buffer.alloc(32, 7).toString("base64")}`;
const K2 = `k2:${Buffer.alloc(32, 8).toString("base64")}`;
const SECRETS = 5;

/** An installation with at least one value in every encrypted column, all under k1. */
async function withSecrets(): Promise<ServedApi> {
  const api = await serveApi();
  await api.call("PUT", "/tenants/acme", {});
  await api.call("PUT", "/connectors/shop", {
    webhook: { preset: "standard-webhooks" },
    source: {
      request: { url: "https://shop.example/orders" },
      auth: { type: "bearer" },
      pagination: { type: "none" },
      records: "orders",
    },
  });
  await api.call("PUT", "/tenants/acme/endpoints/shop", { secrets: [{ value: "whsec_AAAA" }] });
  for (let n = 0; n < SECRETS; n += 1)
    await api.call("PUT", `/tenants/acme/secrets/s${n}`, { value: `v${n}` });
  await api.call("PUT", "/tenants/acme/flows/f", {
    trigger: {},
    action: { type: "http", url: "https://a.example" },
  });
  await api.call("POST", "/tenants/acme/flows/f/rotate");
  const source = await api.call("PUT", "/tenants/acme/sources/orders", {
    connector: "shop",
    entity: "order",
    credentials: { token: "t" },
    base_interval_seconds: 300,
    baseline: "silent",
    diff: "none",
    deletions: { enabled: false },
    enabled: true,
  });
  expect(source.status).toBe(200);
  return api;
}

/** Every encrypted value in plain text, by column. */
async function openAll({ database }: ServedApi, keyRing: KeyRing): Promise<Record<string, string[]>> {
  const opened: Record<string, string[]> = {};
  for (const column of SEALED_COLUMNS) {
    const sample = { columns: column.columns, keyIds: ["k1", "k2"], limit: 100 };
    const values = await sampleSealed(database.pipeline, column, sample);
    opened[`${column.table}.${column.sealed}`] = values
      .map((value) => keyRing.open(value, column.aadOf(value.row)))
      .sort();
  }
  return opened;
}

const rotation = { batchSize: 2, onProgress: () => {} };

describe("the encryption key", () => {
  test("rotation covers every column of the schema with encrypted values", async () => {
    const { database } = await serveApi();
    const columns = await database.pipeline.query<{ name: string }>({
      text: `SELECT table_name || '.' || column_name AS name FROM information_schema.columns
        WHERE table_schema = 'public' AND column_name ~ '(sealed|key_id)$' AND table_name !~ '_p[0-9]+$'
          -- There it is the id of an API key.
          AND table_name <> 'audit'`,
    });
    const known = SEALED_COLUMNS.flatMap(({ table, sealed, keyId }) => [
      `${table}.${sealed}`,
      `${table}.${keyId}`,
    ]);
    expect(columns.map(({ name }) => name).sort()).toEqual(known.sort());
  });

  test("after rotation the new key alone decrypts everything and the old one is removable", async () => {
    const api = await withSecrets();
    const before = await openAll(api, createKeyRing(K1));
    expect(Object.values(before).every((values) => values.length > 0)).toBe(true);
    const shown: [number, number][] = [];
    const first = await reencrypt(api.database, createKeyRing(`${K2},${K1}`), {
      batchSize: 2,
      onProgress: (done, of) => shown.push([done, of]),
    });
    const secrets = SECRETS + 4;
    expect(first).toEqual({
      keyId: "k2",
      secrets,
      reencrypted: secrets,
      unreadable: 0,
      remaining: {},
      removable: ["k1"],
    });
    expect(shown.at(-1)).toEqual([secrets, secrets]);
    expect(await openAll(api, createKeyRing(K2))).toEqual(before);
    expect(await reencrypt(api.database, createKeyRing(K2), rotation)).toMatchObject({ reencrypted: 0 });
  });

  test("rotation leaves a secret that changes meanwhile untouched", async () => {
    const api = await withSecrets();
    const column = SEALED_COLUMNS.find(({ table }) => table === "tenant_secrets");
    if (column === undefined) throw new Error("no such column");
    const sample = { columns: column.columns, keyIds: ["k1"], limit: 1 };
    const [value] = await sampleSealed(api.database.pipeline, column, sample);
    if (value === undefined) throw new Error("no secret");
    await api.call("PUT", `/tenants/acme/secrets/${value.row["name"]}`, { value: "changed meanwhile" });
    const stale = [{ row: value.row, before: value.sealed, after: Buffer.from("x"), keyId: "k2" }];
    expect(await replaceSealed(api.database.pipeline, column, stale)).toBe(0);
    await reencrypt(api.database, createKeyRing(`${K2},${K1}`), rotation);
    const opened = await openAll(api, createKeyRing(K2));
    expect(opened["tenant_secrets.sealed"]).toContain("changed meanwhile");
  });

  test("rotation skips secrets that do not decrypt, and reports how many remain under each key", async () => {
    const api = await withSecrets();
    await api.database.pipeline.query({
      text: "UPDATE tenant_secrets SET key_id = 'lost' WHERE name < 's2'",
    });
    const rotated = await reencrypt(api.database, createKeyRing(`${K2},${K1}`), rotation);
    expect(rotated).toMatchObject({ reencrypted: SECRETS + 2, unreadable: 2, remaining: { lost: 2 } });
  });

  test("a missing or different encryption key is reported with its secrets until all decrypt again", async () => {
    const api = await withSecrets();
    const lines: unknown[] = [];
    const look = (setting: string) => {
      const keys = createEncryptionKeys({
        database: api.database.pipeline,
        keyRing: createKeyRing(setting),
        bounds: { sample: 3, intervalMs: 1_000, unreadableMs: 10 },
        log: { error: (...line: unknown[]) => void lines.push(line), info: () => {} },
      });
      return { keys, step: () => keys.step(new AbortController().signal) };
    };
    const missing = look(K2);
    expect(await missing.step()).toEqual({ waitMs: 10 });
    await missing.step();
    expect(missing.keys.check()).toEqual({ ok: false, detail: "key k1 is missing, which sealed 9 of them" });
    expect(lines).toHaveLength(1);
    const other = look(K2.replace("k2", "k1"));
    await other.step();
    expect(other.keys.check().detail).toBe(
      "key k1 has other bytes than those that sealed at least 7 of them",
    );
    await reencrypt(api.database, createKeyRing(`${K2},${K1}`), rotation);
    expect(await missing.step()).toEqual({ waitMs: 1_000 });
    expect(missing.keys.check()).toEqual({ ok: true });
  });
});
