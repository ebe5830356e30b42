import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readJson } from "../json/parse-text.ts";
import { type RenderedAction, readActionTemplates, renderAction } from "./action.ts";
import { parseTemplate } from "./parse.ts";
import type { Scope } from "./scope.ts";

type Action = Parameters<typeof readActionTemplates>[0];

const URL_OF_TEST = "https://target.example/hook";

function scope(data: unknown): Scope {
  return {
    event: { id: "e1", type: "order.paid", subject: undefined, headers: { "x-topic": "t" }, data },
    flow: { id: "f", version: 3 },
    run: { id: "r1", attempt: 2, idempotency_key: "k" },
    secret: { token: "s3cret", "shop.key": "dotted" },
    tenant: { id: "acme" },
  };
}

/** Renders an action for an event with this data. An error is shown as its code and message. */
function render(action: Partial<Action>, data: unknown = {}): RenderedAction | string {
  const read = readActionTemplates({ type: "http", url: URL_OF_TEST, ...action });
  if (read.kind === "flawed")
    throw new Error(read.details.map((detail) => `${detail.field} ${detail.message}`).join("; "));
  const rendered = renderAction(read.templates, scope(data));
  return rendered.kind === "rendered" ? rendered.action : `${rendered.error.code}: ${rendered.error.message}`;
}

function url(template: string, data?: unknown): unknown {
  const rendered = render({ url: template }, data);
  return typeof rendered === "string" ? rendered : rendered.url;
}

function header(template: string, data?: unknown): unknown {
  const rendered = render({ headers: { "x-h": template } }, data);
  return typeof rendered === "string" ? rendered : rendered.headers["x-h"];
}

function body(template: string, data?: unknown, contentType?: string): unknown {
  const headers = contentType === undefined ? {} : { headers: { "Content-Type": contentType } };
  const rendered = render({ body: template, ...headers }, data);
  return typeof rendered === "string" ? rendered : rendered.body;
}

function flaws(action: Partial<Action>): string[] {
  const read = readActionTemplates({ type: "http", url: URL_OF_TEST, ...action });
  return read.kind === "read" ? [] : read.details.map(({ field, message }) => `${field} ${message}`);
}

describe("templates", () => {
  test("renders a template without placeholders unchanged", () => {
    const text = '{"a": {"b": "} } {"}, "c": [{}]}';
    expect([body(text), header("Bearer {x}"), url(URL_OF_TEST)]).toEqual([text, "Bearer {x}", URL_OF_TEST]);
  });

  test("fills placeholders of the event, the flow, the run and the tenant", () => {
    const data = { order: { id: 7, lines: [{ sku: "a" }, { sku: "b" }], "a.b": true, "größe x": "L" } };
    const path =
      "{{event.id}} {{ event.type }} {{event.data.order.id}} {{event.data.order.lines.1.sku}} " +
      "{{event.data.order.a\\.b}} {{event.data.order.größe\\ x}} {{event.headers.x-topic}} " +
      "{{flow.id}} {{flow.version}} {{run.id}} {{run.attempt}} {{tenant.id}}";
    expect(body(path, data, "text/plain")).toBe("e1 order.paid 7 b true L t f 3 r1 2 acme");
  });

  test("renders numbers with the digits that came, in every place", () => {
    const data = readJson('{"id":1234567890123456789,"total":0.1000,"lines":[{"qty":1.0}]}');
    expect(
      body('{"id": {{event.data.id}}, "total": "{{event.data.total}}", "note": "# {{event.data.id}}"}', data),
    ).toBe('{"id": 1234567890123456789, "total": 0.1000, "note": "# 1234567890123456789"}');
    expect(body('{"all": {{event.data}}, "text": "- {{event.data.lines}}"}', data)).toBe(
      '{"all": {"id":1234567890123456789,"total":0.1000,"lines":[{"qty":1.0}]}, "text": "- [{\\"qty\\":1.0}]"}',
    );
    expect(
      body("id={{event.data.id}}&total={{event.data.total}}", data, "application/x-www-form-urlencoded"),
    ).toBe("id=1234567890123456789&total=0.1000");
    expect(url(`${URL_OF_TEST}/{{event.data.id}}`, data)).toBe(`${URL_OF_TEST}/1234567890123456789`);
    expect(header("{{event.data.total}} {{event.data.lines.0.qty}}", data)).toBe("0.1000 1.0");
    expect(header("{{event.data.total.text}}", data)).toMatch(/^TEMPLATE_VALUE_MISSING/);
  });

  test("renders escaped braces literally", () => {
    expect(header("\\{{event.id}} {{event.id}}")).toBe("{{event.id}} e1");
  });

  test("reaches only own properties and array elements", () => {
    for (const path of [
      "toString",
      "valueOf",
      "list.length",
      "list.map",
      "text.length",
      "text.0",
      "hasOwnProperty",
    ]) {
      expect(header(`{{event.data.${path}}}`, { list: [], text: "abc" })).toMatch(/^TEMPLATE_VALUE_MISSING/);
    }
    expect(header("{{event.data.toString}}", { toString: "own" })).toBe("own");
  });

  test.each([
    ["{{", "{{ has no }}, at character 1"],
    ["ab {{event.id", "{{ has no }}, at character 4"],
    ["{{}}", "{{}} is no path of keys joined by dots, at character 1"],
    ["{{event..id}}", "{{event..id}} is no path of keys joined by dots, at character 1"],
    ["{{event.data.a + 1}}", "{{event.data.a + 1}} is no path of keys joined by dots, at character 1"],
    ["x{{{event.id}}}", "{{{event.id}} is no path of keys joined by dots, at character 2"],
    [
      "{{order.id}}",
      "{{order.id}} does not begin with one of event, flow, run, tenant, secret, at character 1",
    ],
    ["{{event}}", "{{event}} names nothing of event, at character 1"],
    ["{{tenant.name}}", "{{tenant.name}} is none of tenant.id, at character 1"],
    ["{{event.id.x}}", "{{event.id.x}} names something within event.id, at character 1"],
    [
      "{{event.data.__proto__.x}}",
      "{{event.data.__proto__.x}} must not name __proto__, constructor, prototype, at character 1",
    ],
    [
      "{{constructor.x}}",
      "{{constructor.x}} does not begin with one of event, flow, run, tenant, secret, at character 1",
    ],
  ])("refuses the malformed template %s with its position", (text, message) => {
    expect(flaws({ headers: { "x-h": text } })).toEqual([`action.headers.x-h ${message}`]);
  });

  test("refuses a template of more than 100 placeholders", () => {
    expect(flaws({ body: "{{event.id}}".repeat(100), headers: { "content-type": "text/plain" } })).toEqual(
      [],
    );
    expect(flaws({ body: "{{event.id}}".repeat(101), headers: { "content-type": "text/plain" } })).toEqual([
      "action.body there are more than 100 placeholders, at character 1201",
    ]);
  });

  test("parses any template text without throwing, in linear time", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("{", "}", ".", "\\", "?", " ", "a", "event.", "data") }),
        (text) => {
          expect(["parsed", "flawed"]).toContain(parseTemplate(text).kind);
        },
      ),
    );
    const startedMs = performance.now();
    parseTemplate(`{{event.data.${"a".repeat(60_000)}!}}`);
    parseTemplate(`{{event.data${".a\\.".repeat(15_000)} `);
    expect(performance.now() - startedMs).toBeLessThan(500);
  });
});

describe("missing template values", () => {
  test.each([{}, { x: null }, { x: undefined }])(
    "fails on a placeholder missing in %j with its path and field",
    (data) => {
      expect(header("v {{event.data.x}}", { ...data, other: "hunter2" })).toBe(
        "TEMPLATE_VALUE_MISSING: action.headers.x-h takes {{event.data.x}}, which is missing",
      );
      expect(url(`${URL_OF_TEST}/{{event.data.x}}`, data)).toMatch(/^TEMPLATE_VALUE_MISSING: action\.url/);
      expect(body("{{event.data.x}}", data, "text/plain")).toMatch(/^TEMPLATE_VALUE_MISSING: action\.body/);
    },
  );

  test("renders a missing optional placeholder as empty", () => {
    expect(header("v{{event.data.x.y?}}")).toBe("v");
    expect(url(`${URL_OF_TEST}?q={{event.data.x?}}`)).toBe(`${URL_OF_TEST}?q=`);
    expect(body('{"a": "{{event.data.x?}}", "b": "v{{event.data.x?}}"}')).toBe('{"a": null, "b": "v"}');
  });

  test("names a missing secret", () => {
    expect(header("Bearer {{secret.other}}")).toBe(
      "SECRET_MISSING: action.headers.x-h needs the secret other, which does not exist or cannot be decrypted",
    );
  });
});

describe("URL templates", () => {
  test("percent-encodes values in a URL", () => {
    const data = { id: "a/b?c#d e&f=g%2f@h\\\r\n", n: 1.5, yes: true };
    expect(url(`${URL_OF_TEST}/{{event.data.id}}?n={{event.data.n}}&y={{event.data.yes}}`, data)).toBe(
      `${URL_OF_TEST}/a%2Fb%3Fc%23d%20e%26f%3Dg%252f%40h%5C%0D%0A?n=1.5&y=true`,
    );
  });

  test("keeps the scheme, host, port and literal segments of a URL for any value", () => {
    const template = "https://target.example:8443/v1/{{event.data.a}}/x/{{event.data.b}}?q={{event.data.c}}";
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), fc.string(), fc.string(), (a, b, c) => {
        const rendered = render({ url: template }, { a, b, c });
        if (typeof rendered === "string") return;
        const read = new URL(rendered.url);
        expect(read.origin).toBe("https://target.example:8443");
        const segments = read.pathname.split("/");
        expect([segments[1], segments[3], segments.length]).toEqual(["v1", "x", 5]);
        expect([decodeURIComponent(segments[2] as string), read.searchParams.get("q")]).toEqual([a, c]);
        expect([...read.searchParams.keys(), read.hash]).toEqual(["q", ""]);
      }),
    );
  });

  test.each([".", "..", "", { a: 1 }, [1], "\ud800"])("refuses %j as a URL segment", (x) => {
    expect(url("https://target.example/users/{{event.data.x}}/orders", { x })).toMatch(
      /^TEMPLATE_VALUE_UNFIT/,
    );
  });

  test("refuses dots that form a dot segment with the literal text", () => {
    expect(url("https://target.example/a/.{{event.data.x}}", { x: "." })).toMatch(/^TEMPLATE_VALUE_UNFIT/);
    expect(url("https://target.example/a/%2e{{event.data.x}}/b", { x: "." })).toMatch(
      /^TEMPLATE_VALUE_UNFIT/,
    );
    expect(url("https://target.example/a/v1.{{event.data.x}}", { x: "." })).toBe(
      "https://target.example/a/v1..",
    );
    expect(url("https://target.example/a?up={{event.data.x}}", { x: "../.." })).toBe(
      "https://target.example/a?up=..%2F..",
    );
  });

  test("refuses a URL longer than servers accept", () => {
    expect(url(`${URL_OF_TEST}?q={{event.data.x}}`, { x: "a".repeat(9_000) })).toMatch(
      /^TEMPLATE_VALUE_UNFIT/,
    );
  });

  test.each([
    "{{event.data.url}}",
    "{{event.data.scheme}}://target.example/",
    "https://{{event.data.host}}/hook",
    "https://{{tenant.id}}.target.example/hook",
    "https://target.example{{event.data.path}}",
    "https://target.example:{{event.data.port}}/",
    "https://user:{{event.data.x}}@target.example/",
    "https:/{{event.data.x}}/a",
  ])("refuses %s, where a value could change the host", (text) => {
    expect(flaws({ url: text })).toEqual([
      "action.url takes a value before the path: scheme and host must be written out",
    ]);
  });
});

describe("header templates", () => {
  test("fills secrets of the tenant in a header", () => {
    expect(header("Bearer {{secret.token}}")).toBe("Bearer s3cret");
    expect(header("{{secret.shop.key}}")).toBe("dotted");
  });

  test.each(["a\r\nx-evil: 1", "a\nb", "a\0b", "€"])("refuses %j in a header value", (x) => {
    expect(header("v {{event.data.x}}", { x })).toBe(
      "TEMPLATE_VALUE_UNFIT: action.headers.x-h takes {{event.data.x}}, which contains a character that is not allowed in a header",
    );
  });

  test("refuses objects and oversized values in a header", () => {
    expect(header("{{event.data.x}}", { x: {} })).toMatch(/which is an object$/);
    expect(header("{{event.data.x}}", { x: "a".repeat(7_000) })).toMatch(/^TEMPLATE_VALUE_UNFIT/);
    const headers = { "x-a": "{{event.data.x}}", "x-b": "{{event.data.x}}" };
    expect(render({ headers }, { x: "a".repeat(4_000) })).toMatch(
      /^TEMPLATE_VALUE_UNFIT: action\.headers would be/,
    );
  });
});

describe("JSON body templates", () => {
  test("keeps the type of a value that fills a JSON string or stands outside of strings", () => {
    const data = { n: 1.5, yes: true, none: null, list: [1, "a"], text: 'q"\\\n', deep: { a: {} } };
    const template = `{"n": "{{event.data.n}}", "yes":"{{event.data.yes}}","none": "{{event.data.none}}",
      "list": {{event.data.list}}, "text": "{{event.data.text}}", "deep":{{event.data.deep}}}`;
    expect(JSON.parse(body(template, data) as string)).toEqual(data);
  });

  test("escapes values within a JSON string", () => {
    const data = { text: 'q"\\\n\u2028', n: 3, list: [{ a: '"' }] };
    const text = body('{"t": "<{{event.data.text}}|{{event.data.n}}>", "l": "l={{event.data.list}}"}', data);
    expect(JSON.parse(text as string)).toEqual({ t: `<${data.text}|3>`, l: 'l=[{"a":"\\""}]' });
  });

  test("renders a placeholder in a JSON field name as text", () => {
    expect(body('{"{{event.data.k}}" : "{{event.data.v}}"}', { k: 7, v: 7 })).toBe('{"7" : 7}');
  });

  test("distinguishes JSON strings from escaped quotes", () => {
    const text = body(
      '{"a": "\\"{{event.data.x}}\\"", "b": "{{event.data.x}}{{event.data.x}}", "c\\"": {{event.data.x}}}',
      {
        x: 1,
      },
    );
    expect(JSON.parse(text as string)).toEqual({ a: '"1"', b: "11", 'c"': 1 });
  });

  test("renders valid JSON for any values", () => {
    const template =
      '{"a": "{{event.data.a}}", "b": "x{{event.data.b}}y{{event.data.a}}", "c": [{{event.data.a}}]}';
    fc.assert(
      fc.property(fc.jsonValue(), fc.string({ unit: "binary" }), (value, text) => {
        const a = value ?? 0;
        const parsed = JSON.parse(body(template, { a, b: text }) as string);
        const shown = typeof a === "object" ? JSON.stringify(a) : String(a);
        expect(parsed).toEqual(JSON.parse(JSON.stringify({ a, b: `x${text}y${shown}`, c: [a] })));
      }),
    );
  });

  test.each(['{"a": {{event.id}}', '{"a": x{{event.id}}}', '{"a": "{{event.id}}}', "{ {{event.id}}: 1}"])(
    "refuses the body %s, which would not be valid JSON",
    (text) => {
      expect(flaws({ body: text })).toEqual([expect.stringMatching(/^action\.body would not be valid JSON/)]);
    },
  );

  test("treats a body as JSON by its content type", () => {
    expect(body('"{{event.data.n}}"', { n: 1 }, "application/vnd.api+json; charset=utf-8")).toBe("1");
    expect(body('"{{event.data.n}}"', { n: 1 }, "text/plain")).toBe('"1"');
  });
});

describe("other body templates", () => {
  test("percent-encodes values in a form and leaves them unchanged in plain text", () => {
    const data = { x: "a&b=c d", list: [1] };
    const form = "application/x-www-form-urlencoded";
    expect(body("t={{event.data.x}}&l={{event.data.list}}", data, form)).toBe("t=a%26b%3Dc%20d&l=%5B1%5D");
    expect(body("{{event.data.x}} {{event.data.list}}", data, "text/plain")).toBe("a&b=c d [1]");
  });

  test("refuses a body that grows beyond its limit", () => {
    const template = "{{event.data.x}}".repeat(100);
    expect(body(template, { x: "a".repeat(1_000_000) }, "text/plain")).toMatch(/^TEMPLATE_VALUE_UNFIT/);
  });
});

describe("readActionTemplates", () => {
  test("refuses a secret in the host or body and a templated content type", () => {
    expect(
      flaws({
        url: "https://{{secret.host}}/x",
        body: '{"t": "{{secret.token}}"}',
        headers: { "Content-Type": "{{event.data.type}}" },
      }),
    ).toEqual([
      "action.url takes a value before the path: scheme and host must be written out",
      "action.headers.Content-Type takes a value: the content type must be written out",
      "action.body takes {{secret.token}}: secrets may be used in the URL and headers only",
    ]);
  });
});
