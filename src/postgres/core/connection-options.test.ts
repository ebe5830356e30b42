import { describe, expect, test } from "vitest";
import { connectionOptions, describeConnection, isPostgresUrl, withSslMode } from "./connection-options.ts";

describe("a URL of PostgreSQL", () => {
  test.each([
    ["postgres://u:p@h:5433/db", { user: "u", password: "p", host: "h", port: 5433, database: "db" }],
    ["postgresql://u:p%40ss%2C@[::1]/db", { user: "u", password: "p@ss,", host: "::1", database: "db" }],
    ["postgres://u:a,b@h/db", { user: "u", password: "a,b", host: "h", database: "db" }],
    ["postgres://u@/db?host=/tmp", { user: "u", host: "/tmp", database: "db" }],
    ["postgres://u@:5433/db?host=/tmp", { user: "u", host: "/tmp", port: 5433, database: "db" }],
    ["postgresql:///db?host=/var/run/postgresql", { host: "/var/run/postgresql", database: "db" }],
    ["postgres://%2Ftmp/db", { host: "/tmp", database: "db" }],
    ["postgres://u@%2Ftmp:5433/db", { user: "u", host: "/tmp", port: 5433, database: "db" }],
    [
      "postgres://?host=/tmp&dbname=db&user=u&password=p",
      { user: "u", password: "p", host: "/tmp", database: "db" },
    ],
    [
      "postgres://h/db?options=-c search_path=own",
      { host: "h", database: "db", options: "-c search_path=own" },
    ],
    [
      "postgres://h/db?options=-c%20search_path%3Down",
      { host: "h", database: "db", options: "-c search_path=own" },
    ],
  ])("connectionOptions reads %s", (url, expected) => {
    expect(isPostgresUrl(url)).toBe(true);
    expect(connectionOptions(url)).toEqual(Object.assign({ ssl: false }, expected));
  });

  test.each([
    ["sslmode=disable", false],
    ["sslmode=require", { rejectUnauthorized: false }],
    ["sslmode=no-verify", { rejectUnauthorized: false }],
    ["sslmode=verify-full", {}],
    ["sslmode=require&sslrootcert=system", {}],
    ["ssl=true", {}],
  ])("connectionOptions gives %s the meaning of libpq", (parameters, ssl) => {
    expect(connectionOptions(`postgres://h/db?${parameters}`)["ssl"]).toEqual(ssl);
  });

  test("describeConnection omits the password", () => {
    const description = describeConnection(
      "postgres://u:s3cret@h/db?sslmode=verify-full&sslrootcert=/nowhere",
    );
    expect(description).toEqual({ user: "u", database: "db", at: "h:5432" });
  });

  test("withSslMode keeps the other parameters", () => {
    expect(withSslMode("postgres://u@h/db?sslmode=prefer&host=%2Ftmp", "require")).toBe(
      "postgres://u@h/db?sslmode=require&host=%2Ftmp",
    );
  });
});
