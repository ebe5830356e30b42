import { beforeAll, expect, test } from "vitest";
import { builtProgram } from "../support/built.ts";
import { createInstallation } from "../support/installation.ts";
import { ADMIN_KEY, api } from "../support/process.ts";
import { providerKeys } from "../support/provider-keys.ts";
import { hasNginx, startNginx } from "../support/proxies.ts";
import { connect, post, signedSample } from "../support/receiving.ts";

beforeAll(builtProgram);

const PUBLIC_URL = "https://hooks.example/headrace";

test.runIf(hasNginx)(
  "pages, links and signed URLs work under the path prefix of a trusted nginx only",
  {
    timeout: 180_000,
  },
  async () => {
    const installation = await createInstallation();
    const start = (env: Record<string, string>) =>
      installation.start({ roles: "api,receive", env: { HEADRACE_PUBLIC_URL: PUBLIC_URL, ...env } });
    const headrace = await start({ HEADRACE_TRUSTED_PROXIES: "127.0.0.1" });
    const base = await startNginx([headrace.port], 1);
    const authorization = `Basic ${Buffer.from(`me:${ADMIN_KEY}`).toString("base64")}`;
    const get = (url: string | URL) => fetch(url, { headers: { authorization }, redirect: "manual" });

    /** The paths that a browser requests for the page's links. */
    const linksOf = (html: string, url: string): URL[] => {
      const root = new URL(/<base href="([^"]*)"/.exec(html)?.[1] ?? "", url);
      return [...html.matchAll(/(?:href|src)="([^":]*)"|fetch\("([^"]*)"\)/g)]
        .map((match) => match[1] ?? match[2] ?? "")
        .filter((link) => link !== "" && !link.startsWith("/headrace"))
        .map((link) => new URL(link, root));
    };
    for (const page of ["/headrace/", "/headrace/admin/queues"]) {
      const html = await (await get(`${base}${page}`)).text();
      const links = linksOf(html, `${base}${page}`);
      expect(links.length).toBeGreaterThan(1);
      for (const link of links) {
        expect(link.pathname).toMatch(/^\/headrace\//);
        expect([link.pathname, (await get(link)).status]).toEqual([link.pathname, 200]);
      }
    }
    expect((await get(`${base}/headrace`)).headers.get("location")).toBe("/headrace/");

    const document = (await (await get(`${base}/headrace/openapi.json`)).json()) as { servers: unknown };
    expect(document.servers).toEqual([{ url: PUBLIC_URL }]);
    await api(headrace.url, "PUT", "/tenants/acme", {});
    const keys = providerKeys("twilio");
    const shown = await connect(headrace, "twilio", { secret: keys.signingSecret });
    expect(shown).toBe(`${PUBLIC_URL}/api/v1/webhooks/twilio/acme`);
    const delivery = signedSample("twilio", shown, { keys });
    const taken = await post(shown.replace("https://hooks.example", base), delivery.headers, delivery.body);
    expect(taken.status).toBe(200);

    // The same header from an untrusted proxy is ignored.
    const wary = await start({});
    const untrusted = await startNginx([wary.port], 1);
    expect(await (await get(`${untrusted}/headrace/`)).text()).not.toContain("<base");
    expect(await (await get(`${untrusted}/headrace/admin/queues`)).text()).toContain(
      '<base href="/admin/queues/"',
    );
  },
);
