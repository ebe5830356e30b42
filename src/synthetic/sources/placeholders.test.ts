import { describe, expect, test } from "vitest";
import { fillText, fillUrl, paramNames, secretNames } from "./placeholders.ts";

describe("placeholders", () => {
  test("placeholders are params and secrets; other braces are text", () => {
    const text = '{a} {{secret.k-1}} {{ secret.k.2 }} {b.c} {"x":1} {} {1} {{a';
    expect([paramNames(text), secretNames(text)]).toEqual([
      ["a", "b.c"],
      ["k-1", "k.2"],
    ]);
  });

  test("placeholders are filled once and not within values", () => {
    const values: Record<string, string> = { a: "{b}", b: "no", k: "{{secret.a}} $& {a}" };
    expect(fillText("{a}|{{secret.k}}|{other}", ({ name }) => values[name])).toBe(
      "{b}|{{secret.a}} $& {a}|{other}",
    );
  });
});

describe("URL template", () => {
  test.each([
    ["{base}/orders", { base: "https://a.example/v1/" }, "https://a.example/v1/orders"],
    ["{base}", { base: "http://a.example:8080/v1/" }, "http://a.example:8080/v1/"],
    [
      "{base}/{a}/x?q={b}",
      { base: "https://a.example", a: "../b?c#d", b: "e&f=g" },
      "https://a.example/..%2Fb%3Fc%23d/x?q=e%26f%3Dg",
    ],
    ["https://{shop}.example.com/x", { shop: "my-shop" }, "https://my-shop.example.com/x"],
    ["https://{host}/x", { host: "a.example:8443" }, "https://a.example:8443/x"],
    ["https://a.example/x", {}, "https://a.example/x"],
  ])("fills %s with %j", (template, params, url) => {
    expect(fillUrl(template, params)).toEqual({ kind: "url", url });
  });

  test.each([
    ["{base}/orders", {}, "base"],
    ["{base}/orders", { base: "a.example" }, "base"],
    ["{base}/orders", { base: "file:///etc/passwd" }, "base"],
    ["{base}/orders", { base: "https://u:p@a.example" }, "base"],
    ["{base}/orders", { base: "https://a.example/?x=" }, "base"],
    ["{base}/orders", { base: "https://a.example/#" + "x" }, "base"],
    ["https://{shop}.example.com/x", { shop: "evil.example/" }, "shop"],
    ["https://{shop}.example.com/x", { shop: "evil.example#" }, "shop"],
    ["https://{shop}.example.com/x", { shop: "u@evil" }, "shop"],
    ["https://{shop}.example.com/x", { shop: "evil.example:80" }, "shop"],
    ["https://{shop}.example.com/x", { shop: "" }, "shop"],
    ["https://a.example/{path}/x", { path: ".." }, "path"],
    ["https://a.example/{path}/x", { toString: "x" }, "path"],
  ])("refuses to fill %s with %j", (template, params, param) => {
    expect(fillUrl(template, params as Record<string, string>)).toMatchObject({ kind: "flawed", param });
  });

  test("a URL takes escaped secrets in its path and query only", () => {
    const secretFor = (name: string) => (name === "key" ? "a/b&c" : undefined);
    const filled = fillUrl(
      "https://a.example/{{secret.key}}?k={{ secret.key }}&p={p}",
      { p: "1" },
      secretFor,
    );
    expect(filled).toEqual({ kind: "url", url: "https://a.example/a%2Fb%26c?k=a%2Fb%26c&p=1" });
    for (const template of [
      "{{secret.key}}/x",
      "https://{{secret.key}}/x",
      "https://a.example/{{secret.none}}",
    ])
      expect(fillUrl(template, { key: "x", none: "x" }, secretFor)).toMatchObject({ kind: "flawed" });
  });

  test("placeholders take own properties only", () => {
    expect(fillUrl("https://a.example/{constructor}", {})).toMatchObject({ kind: "flawed" });
  });
});
