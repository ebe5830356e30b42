import fc from "fast-check";
import { describe, expect, test } from "vitest";
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

/** What an action sends for an event with this data; an error is its code and message. */
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

describe("a template", () => {
  test("without placeholders is its own text", () => {
    const text = '{"a": {"b": "} } {"}, "c": [{}]}';
    expect([body(text), header("Bearer {x}"), url(URL_OF_TEST)]).toEqual([text, "Bearer {x}", URL_OF_TEST]);
  });

  test("takes values of the event, the flow, the run and the tenant by their paths", () => {
    const data = { order: { id: 7, lines: [{ sku: "a" }, { sku: "b" }], "a.b": true, "größe x": "L" } };
    const path =
      "{{event.id}} {{ event.type }} {{event.data.order.id}} {{event.data.order.lines.1.sku}} " +
      "{{event.data.order.a\\.b}} {{event.data.order.größe\\ x}} {{event.headers.x-topic}} " +
      "{{flow.id}} {{flow.version}} {{run.id}} {{run.attempt}} {{tenant.id}}";
    expect(body(path, data, "text/plain")).toBe("e1 order.paid 7 b true L t f 3 r1 2 acme");
  });

  test("has two braces of text behind a backslash", () => {
    expect(header("\\{{event.id}} {{event.id}}")).toBe("{{event.id}} e1");
  });

  test("reaches own properties and elements alone", () => {
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
  ])("%s is refused, with the position", (text, message) => {
    expect(flaws({ headers: { "x-h": text } })).toEqual([`action.headers.x-h ${message}`]);
  });

  test("takes at most a hundred values", () => {
    expect(flaws({ body: "{{event.id}}".repeat(100), headers: { "content-type": "text/plain" } })).toEqual(
      [],
    );
    expect(flaws({ body: "{{event.id}}".repeat(101), headers: { "content-type": "text/plain" } })).toEqual([
      "action.body there are more than 100 placeholders, at character 1201",
    ]);
  });

  test("is read without a throw, whatever it is, and in time that grows with it", () => {
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

describe("a value that is missing", () => {
  test.each([{}, { x: null }, { x: undefined }])(
    "in %j fails, with its path and place, and no value",
    (data) => {
      expect(header("v {{event.data.x}}", { ...data, other: "hunter2" })).toBe(
        "TEMPLATE_VALUE_MISSING: action.headers.x-h takes {{event.data.x}}, which is missing",
      );
      expect(url(`${URL_OF_TEST}/{{event.data.x}}`, data)).toMatch(/^TEMPLATE_VALUE_MISSING: action\.url/);
      expect(body("{{event.data.x}}", data, "text/plain")).toMatch(/^TEMPLATE_VALUE_MISSING: action\.body/);
    },
  );

  test("is empty where a question mark says so", () => {
    expect(header("v{{event.data.x.y?}}")).toBe("v");
    expect(url(`${URL_OF_TEST}?q={{event.data.x?}}`)).toBe(`${URL_OF_TEST}?q=`);
    expect(body('{"a": "{{event.data.x?}}", "b": "v{{event.data.x?}}"}')).toBe('{"a": null, "b": "v"}');
  });

  test("is named where it is a secret", () => {
    expect(header("Bearer {{secret.other}}")).toBe(
      "SECRET_MISSING: action.headers.x-h needs the secret other, which does not exist, or cannot be opened",
    );
  });
});

describe("a URL", () => {
  test("has its values percent-encoded", () => {
    const data = { id: "a/b?c#d e&f=g%2f@h\\\r\n", n: 1.5, yes: true };
    expect(url(`${URL_OF_TEST}/{{event.data.id}}?n={{event.data.n}}&y={{event.data.yes}}`, data)).toBe(
      `${URL_OF_TEST}/a%2Fb%3Fc%23d%20e%26f%3Dg%252f%40h%5C%0D%0A?n=1.5&y=true`,
    );
  });

  test("keeps scheme, host, port and its other segments, whatever the values are", () => {
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

  test.each([".", "..", "", { a: 1 }, [1], "\ud800"])("takes no %j for a segment", (x) => {
    expect(url("https://target.example/users/{{event.data.x}}/orders", { x })).toMatch(
      /^TEMPLATE_VALUE_UNFIT/,
    );
  });

  test("takes no dots that only together lead elsewhere", () => {
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

  test("is no longer than servers take", () => {
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
  ])("%s is refused: a value would become part of its host", (text) => {
    expect(flaws({ url: text })).toEqual([
      "action.url takes a value before the path: scheme and host must be written out",
    ]);
  });
});

describe("a header", () => {
  test("takes the tenant's secrets", () => {
    expect(header("Bearer {{secret.token}}")).toBe("Bearer s3cret");
    expect(header("{{secret.shop.key}}")).toBe("dotted");
  });

  test.each(["a\r\nx-evil: 1", "a\nb", "a\0b", "€"])("takes no %j", (x) => {
    expect(header("v {{event.data.x}}", { x })).toBe(
      "TEMPLATE_VALUE_UNFIT: action.headers.x-h takes {{event.data.x}}, which holds a character that a header cannot",
    );
  });

  test("takes no object, and no more than servers do", () => {
    expect(header("{{event.data.x}}", { x: {} })).toMatch(/which is an object$/);
    expect(header("{{event.data.x}}", { x: "a".repeat(7_000) })).toMatch(/^TEMPLATE_VALUE_UNFIT/);
    const headers = { "x-a": "{{event.data.x}}", "x-b": "{{event.data.x}}" };
    expect(render({ headers }, { x: "a".repeat(4_000) })).toMatch(
      /^TEMPLATE_VALUE_UNFIT: action\.headers would be/,
    );
  });
});

describe("a JSON body", () => {
  test("keeps the type of a value that is all of a string, or stands in none", () => {
    const data = { n: 1.5, yes: true, none: null, list: [1, "a"], text: 'q"\\\n', deep: { a: {} } };
    const template = `{"n": "{{event.data.n}}", "yes":"{{event.data.yes}}","none": "{{event.data.none}}",
      "list": {{event.data.list}}, "text": "{{event.data.text}}", "deep":{{event.data.deep}}}`;
    expect(JSON.parse(body(template, data) as string)).toEqual(data);
  });

  test("escapes text within a string", () => {
    const data = { text: 'q"\\\n\u2028', n: 3, list: [{ a: '"' }] };
    const text = body('{"t": "<{{event.data.text}}|{{event.data.n}}>", "l": "l={{event.data.list}}"}', data);
    expect(JSON.parse(text as string)).toEqual({ t: `<${data.text}|3>`, l: 'l=[{"a":"\\""}]' });
  });

  test("takes a field's name as text", () => {
    expect(body('{"{{event.data.k}}" : "{{event.data.v}}"}', { k: 7, v: 7 })).toBe('{"7" : 7}');
  });

  test("tells strings from text with quotes in it", () => {
    const text = body(
      '{"a": "\\"{{event.data.x}}\\"", "b": "{{event.data.x}}{{event.data.x}}", "c\\"": {{event.data.x}}}',
      {
        x: 1,
      },
    );
    expect(JSON.parse(text as string)).toEqual({ a: '"1"', b: "11", 'c"': 1 });
  });

  test("is JSON whatever the values are", () => {
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
    "%s is refused: it would be no JSON",
    (text) => {
      expect(flaws({ body: text })).toEqual([expect.stringMatching(/^action\.body would be no JSON/)]);
    },
  );

  test("is what a type ending in json says, and is none of another type", () => {
    expect(body('"{{event.data.n}}"', { n: 1 }, "application/vnd.api+json; charset=utf-8")).toBe("1");
    expect(body('"{{event.data.n}}"', { n: 1 }, "text/plain")).toBe('"1"');
  });
});

describe("another body", () => {
  test("has its values encoded in a form, and as they are elsewhere", () => {
    const data = { x: "a&b=c d", list: [1] };
    const form = "application/x-www-form-urlencoded";
    expect(body("t={{event.data.x}}&l={{event.data.list}}", data, form)).toBe("t=a%26b%3Dc%20d&l=%5B1%5D");
    expect(body("{{event.data.x}} {{event.data.list}}", data, "text/plain")).toBe("a&b=c d [1]");
  });

  test("does not grow without a bound", () => {
    const template = "{{event.data.x}}".repeat(100);
    expect(body(template, { x: "a".repeat(1_000_000) }, "text/plain")).toMatch(/^TEMPLATE_VALUE_UNFIT/);
  });
});

describe("what is refused when the flow is stored", () => {
  test("is a secret in the host or the body, and a content type that an event decides", () => {
    expect(
      flaws({
        url: "https://{{secret.host}}/x",
        body: '{"t": "{{secret.token}}"}',
        headers: { "Content-Type": "{{event.data.type}}" },
      }),
    ).toEqual([
      "action.url takes a value before the path: scheme and host must be written out",
      "action.headers.Content-Type takes a value: the content type must be written out",
      "action.body takes {{secret.token}}: secrets go into the URL and headers alone",
    ]);
  });
});
