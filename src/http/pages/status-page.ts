import { hash } from "node:crypto";
import type { FastifyPluginAsync } from "fastify";
import type { ReadPrefix } from "../server/forwarded-prefix.ts";

/** A page with the readiness of the process and, with an API key, the latest events and runs of a tenant. */
export const statusPage: FastifyPluginAsync<{ readPrefix: ReadPrefix }> = async (server, { readPrefix }) => {
  server.get("/", async (request, reply) =>
    reply
      .type("text/html; charset=utf-8")
      .headers({
        "content-security-policy": POLICY,
        "x-content-type-options": "nosniff",
        "referrer-policy": "no-referrer",
        "cache-control": "no-store",
      })
      .send(pageUnder(readPrefix(request))),
  );
};

const STYLE = `
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; --line: #8884; --good: #1a7f37; --bad: #cf222e; }
@media (prefers-color-scheme: dark) { :root { --good: #3fb950; --bad: #ff7b72; } }
body { max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; margin-top: 2rem; }
form { display: flex; flex-wrap: wrap; gap: .75rem; align-items: end; }
label { display: grid; font-size: .85rem; } input, button { font: inherit; padding: .3rem .5rem; }
.scroll { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid var(--line); white-space: nowrap; }
td { font-variant-numeric: tabular-nums; } .good { color: var(--good); } .bad { color: var(--bad); }
`;

const SCRIPT = `
const at = (id) => document.getElementById(id);
const fill = (body, rows, empty) => {
  body.replaceChildren(...(rows.length ? rows : [[empty]]).map((cells) => {
    const row = document.createElement("tr");
    row.append(...cells.map((cell) => {
      const element = document.createElement("td");
      element.textContent = cell && cell.text !== undefined ? cell.text : cell ?? "";
      if (cell && cell.mark) element.className = cell.mark;
      return element;
    }));
    return row;
  }));
};
const time = (text) => new Date(text).toLocaleString();
const say = (text, mark) => { at("state").textContent = text; at("state").className = mark; };

async function showReadiness() {
  try {
    const { ready, checks } = await (await fetch("readyz")).json();
    say(ready ? "Ready" : "Not ready", ready ? "good" : "bad");
    fill(at("checks"), Object.entries(checks).map(([name, check]) =>
      [name, { text: check.ok ? "ok" : check.detail ?? "red", mark: check.ok ? "good" : "bad" }]), "");
  } catch {
    say("No answer from the server", "bad");
  }
}

// By getItem: sessionStorage.key is a method of its own.
const FIELDS = ["key", "tenant"];
const kept = (name) => sessionStorage.getItem(name) ?? "";

async function list(resource) {
  const [key, tenant] = FIELDS.map(kept);
  const url = "api/v1/tenants/" + encodeURIComponent(tenant) + "/" + resource + "?limit=20";
  const answer = await fetch(url, { headers: { authorization: "Bearer " + key } });
  const body = await answer.json();
  if (!answer.ok) throw new Error(body.error.message);
  return body.items;
}

async function showLists() {
  if (FIELDS.some((name) => !kept(name))) return;
  try {
    const [events, runs] = await Promise.all([list("events"), list("runs")]);
    at("problem").textContent = "";
    fill(at("events"), events.map((one) => [time(one.received_at), one.type, one.connector, one.source, "P" + one.priority, one.status]),
      "No events yet. Send a webhook to one of the tenant's endpoints, or POST to /events.");
    const mark = { succeeded: "good", failed: "bad", dead: "bad" };
    fill(at("runs"), runs.map((one) => [time(one.created_at), one.flow_id, { text: one.status, mark: mark[one.status] },
      one.attempts.length, one.error ? one.error.message : ""]), "No runs yet. Deploy a flow with a trigger that matches an event.");
  } catch (error) {
    at("problem").textContent = error.message;
  }
}

const form = at("access");
for (const name of FIELDS) form.elements[name].value = kept(name);
form.addEventListener("submit", (event) => {
  event.preventDefault();
  for (const name of FIELDS) sessionStorage.setItem(name, form.elements[name].value.trim());
  showLists();
});
const show = () => { if (!document.hidden) { showReadiness(); showLists(); } };
show();
setInterval(show, 2000);
`;

const PAGE = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Headrace</title>
<link rel="icon" href="data:,">
<style>${STYLE}</style>
</head>
<body>
<h1>Headrace: <span id="state" role="status">…</span></h1>
<div class="scroll"><table><tbody id="checks"></tbody></table></div>
<h2>Events and runs of a tenant</h2>
<form id="access">
<label>Tenant <input name="tenant" required autocomplete="off" placeholder="acme"></label>
<label>API key <input name="key" type="password" required autocomplete="off"></label>
<button>Show</button>
<a href="openapi.json">OpenAPI</a>
</form>
<p id="problem" class="bad" role="alert"></p>
<h2>Last events</h2>
<div class="scroll"><table>
<thead><tr><th>Received<th>Type<th>Connector<th>Source<th>Priority<th>Status</tr></thead>
<tbody id="events"></tbody>
</table></div>
<h2>Last runs</h2>
<div class="scroll"><table>
<thead><tr><th>Created<th>Flow<th>Status<th>Attempts<th>Error</tr></thead>
<tbody id="runs"></tbody>
</table></div>
<script>${SCRIPT}</script>
</body>
</html>
`;

/**
 * Adds a base URL under a prefix. All links are relative, so without it they still work if the path ends with a slash.
 */
function pageUnder(prefix: string): string {
  return prefix === "" ? PAGE : PAGE.replace("<head>\n", `<head>\n<base href="${prefix}/">\n`);
}

/** Allows only this style and script, and calls to this server. */
const POLICY = [
  "default-src 'none'",
  `style-src '${sourceHash(STYLE)}'`,
  `script-src '${sourceHash(SCRIPT)}'`,
  "connect-src 'self'",
  "img-src data:",
  "form-action 'none'",
  "frame-ancestors 'none'",
  "base-uri 'self'",
].join("; ");

function sourceHash(text: string): string {
  return `sha256-${hash("sha256", text, "base64")}`;
}
