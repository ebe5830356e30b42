import { describe, expect, test } from "vitest";
import { ROLES, readConfig } from "./config.ts";

describe("readConfig", () => {
  test("readConfig has defaults for all settings except the stores and their keys", () => {
    expect(readConfig({})).toMatchObject({
      port: 8080,
      host: "127.0.0.1",
      publicUrl: "http://127.0.0.1:8080",
      dataDir: ".headrace",
      roles: new Set(ROLES),
      databaseUrl: undefined,
    });
  });

  test.each([
    ["PORT", "eighty"],
    ["PORT", "65536"],
    ["DATABASE_URL", "mysql://localhost/x"],
    ["DATABASE_URL", "postgres://one,two/x"],
    ["DATABASE_URL", "postgres://host:port/x"],
    ["DATABASE_URL", "postgres://host/x?sslmode=sometimes"],
    ["HEADRACE_MIGRATION_DATABASE_URL", "host=/tmp dbname=x"],
    ["HEADRACE_PREPARED_STATEMENTS", "off"],
    ["HEADRACE_ADMIN_KEY", "too short"],
    ["HEADRACE_ENCRYPTION_KEYS", "k1:bm90IDMyIGJ5dGVz"],
    ["HEADRACE_ROLES", "api,router"],
    ["HEADRACE_PUBLIC_URL", "example.com"],
    ["HEADRACE_PUBLIC_URL", "https://h.example/x?y=1"],
    ["HEADRACE_PUBLIC_URL", "https://h.example/#top"],
    ["HEADRACE_PUBLIC_URL", "https://user@h.example"],
    ["LOG_LEVEL", "loud"],
    ["HEADRACE_DEMO", "yes"],
    ["HEADRACE_LOCAL_RUNS", "on"],
    ["HEADRACE_DRAIN_NOTICE_MS", "3s"],
    ["HEADRACE_DRAIN_NOTICE_MS", "600001"],
  ])("readConfig refuses %s=%s in one line without the value", (name, value) => {
    const read = () => readConfig({ [name]: value });
    expect(read).toThrow(new RegExp(`^${name} is not valid: expected [^\\n]+$`));
    expect(read).not.toThrow(value);
  });

  test("readConfig explains an invalid REDIS_URL without quoting it", () => {
    const read = () => readConfig({ REDIS_URL: "redis://:s3cret#x@host:6379" });
    expect(read).toThrow(/^REDIS_URL is not valid: it has a #: [^\n]+$/);
    expect(read).not.toThrow(/s3cret/);
  });

  test("readConfig refuses one store without the other", () => {
    expect(() => readConfig({ DATABASE_URL: "postgres://h/d" })).toThrow("REDIS_URL is not");
  });

  test("readConfig reads roles, the nodes of a cluster and empty values", () => {
    const config = readConfig({
      HEADRACE_ROLES: "relay, route",
      DATABASE_URL: "postgres://h/d",
      REDIS_URL: "redis://a:1,redis://b:2",
      PORT: "",
    });
    expect(config.roles).toEqual(new Set(["relay", "route"]));
    expect(config.redisUrl).toBe("redis://a:1,redis://b:2");
    expect(config.port).toBe(8080);
  });
});
