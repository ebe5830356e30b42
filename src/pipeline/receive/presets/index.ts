import { type ErrorDetail, HeadraceError } from "../../../domain/errors.ts";
import { checkScheme } from "../schemes/check-scheme.ts";
import type { Scheme, SchemeInput } from "../schemes/scheme.ts";
import { shopify } from "./commerce/shopify.ts";
import { woocommerce } from "./commerce/woocommerce.ts";
import { bitbucket } from "./development/bitbucket.ts";
import { github } from "./development/github.ts";
import { gitlab } from "./development/gitlab.ts";
import { jira } from "./development/jira.ts";
import { linear } from "./development/linear.ts";
import { pagerduty } from "./development/pagerduty.ts";
import { basic } from "./generic/basic.ts";
import { hmacSha256 } from "./generic/hmac-sha256.ts";
import { none } from "./generic/none.ts";
import { standardWebhooks } from "./generic/standard-webhooks.ts";
import { standardWebhooksV1a } from "./generic/standard-webhooks-v1a.ts";
import { svix } from "./generic/svix.ts";
import { token } from "./generic/token.ts";
import { discord } from "./messaging/discord.ts";
import { intercom } from "./messaging/intercom.ts";
import { mailgun } from "./messaging/mailgun.ts";
import { meta } from "./messaging/meta.ts";
import { sendgrid } from "./messaging/sendgrid.ts";
import { slack } from "./messaging/slack.ts";
import { twilio } from "./messaging/twilio.ts";
import { zendesk } from "./messaging/zendesk.ts";
import { zoom } from "./messaging/zoom.ts";
import { intuit } from "./payments/intuit.ts";
import { paddle } from "./payments/paddle.ts";
import { paypal } from "./payments/paypal.ts";
import { square } from "./payments/square.ts";
import { stripe } from "./payments/stripe.ts";
import { xero } from "./payments/xero.ts";
import type { ParamValue, Preset, PresetParam } from "./preset.ts";
import { airtable } from "./work/airtable.ts";
import { asana } from "./work/asana.ts";
import { box } from "./work/box.ts";
import { calendly } from "./work/calendly.ts";
import { docusign } from "./work/docusign.ts";
import { dropbox } from "./work/dropbox.ts";
import { hubspot } from "./work/hubspot.ts";
import { hubspotV1 } from "./work/hubspot-v1.ts";
import { msGraph } from "./work/ms-graph.ts";
import { notion } from "./work/notion.ts";
import { typeform } from "./work/typeform.ts";

/** Every preset by its fixed name. */
export const PRESETS: ReadonlyMap<string, Preset> = new Map([
  ["standard-webhooks", standardWebhooks],
  ["standard-webhooks-v1a", standardWebhooksV1a],
  ["svix", svix],
  ["github", github],
  ["stripe", stripe],
  ["shopify", shopify],
  ["slack", slack],
  ["twilio", twilio],
  ["zoom", zoom],
  ["woocommerce", woocommerce],
  ["xero", xero],
  ["intuit", intuit],
  ["docusign", docusign],
  ["typeform", typeform],
  ["hubspot", hubspot],
  ["hubspot-v1", hubspotV1],
  ["square", square],
  ["notion", notion],
  ["linear", linear],
  ["paddle", paddle],
  ["pagerduty", pagerduty],
  ["calendly", calendly],
  ["zendesk", zendesk],
  ["box", box],
  ["meta", meta],
  ["jira", jira],
  ["bitbucket", bitbucket],
  ["intercom", intercom],
  ["mailgun", mailgun],
  ["gitlab", gitlab],
  ["ms-graph", msGraph],
  ["airtable", airtable],
  ["dropbox", dropbox],
  ["asana", asana],
  ["sendgrid", sendgrid],
  ["discord", discord],
  ["paypal", paypal],
  ["hmac-sha256", hmacSha256],
  ["token", token],
  ["basic", basic],
  ["none", none],
]);

/**
 * Returns the scheme of a preset. The params are the connector's, overridden by the endpoint's. Throws
 * `invalid_request` for an unknown preset, an unknown param or an invalid value, with the name in the message.
 */
export function presetScheme(name: string, params: Readonly<Record<string, ParamValue>>): Scheme {
  const preset = PRESETS.get(name);
  if (preset === undefined) {
    const known = [...PRESETS.keys()].join(", ");
    throw new HeadraceError(
      "invalid_request",
      `There is no preset ${quote(name)}; the presets are ${known}`,
      {
        details: [{ field: "preset", expected: `one of ${known}`, got: quote(name) }],
      },
    );
  }
  const details = Object.entries(params).flatMap(([param, value]) => misfit(preset, param, value));
  if (details.length > 0) {
    const sentence = details.map(({ field, message }) => `${field} ${message}`).join("; ");
    throw new HeadraceError("invalid_request", `Preset ${name} refuses its params: ${sentence}`, { details });
  }
  const texts = Object.entries(params).map(([param, value]) => [param, String(value)] as const);
  const own = Object.fromEntries(texts.filter(([param]) => !(param in COMMON_PARAMS)));
  const scheme = preset.scheme({ ...defaultsOf(preset), ...own });
  return checkScheme(withCommonParams(scheme, Object.fromEntries(texts)));
}

function withCommonParams(scheme: SchemeInput, params: Readonly<Record<string, string>>): SchemeInput {
  const { equal_bodies, freshness, body_limit_bytes, probe } = params;
  const changed: SchemeInput = { ...scheme };
  if (probe !== undefined) changed.probe = probe === "true";
  if (body_limit_bytes !== undefined) changed.body_limit_bytes = Number(body_limit_bytes);
  if (equal_bodies !== undefined) changed.equal_bodies = equal_bodies as Scheme["equal_bodies"];
  if (freshness === "strict" && scheme.timestamp !== undefined) {
    const { retries_keep_time: _, ...timestamp } = scheme.timestamp;
    changed.timestamp = timestamp;
  }
  return changed;
}

/** Params that every preset has. */
export const COMMON_PARAMS: Readonly<Record<string, PresetParam>> = {
  equal_bodies: {
    description:
      "How an equal body under another unsigned id, or without an id, counts: as a duplicate, or as an event of its own",
    oneOf: ["duplicate", "event"],
  },
  freshness: {
    description:
      "Refuses deliveries older than the tolerance also from a provider whose retries keep the time of the first attempt",
    oneOf: ["strict"],
  },
  probe: {
    description:
      "Answers HEAD, and GET if it is no delivery, with 200 and makes no event, for a provider that checks the URL so",
    type: "boolean",
    oneOf: ["true", "false"],
  },
  body_limit_bytes: {
    description: "The largest body that is accepted, in bytes, at most 26214400 (25 MiB)",
    type: "number",
    pattern: /^(?:[1-9]\d{0,6}|1\d{7}|2[0-5]\d{6}|26[01]\d{5}|262(?:0\d{4}|1[0-3]\d{3}|14[0-3]\d{2}|14400))$/,
  },
};

function misfit(preset: Preset, param: string, value: unknown): ErrorDetail[] {
  const field = `params.${param.slice(0, 100)}`;
  const params = { ...preset.params, ...COMMON_PARAMS };
  if (!Object.hasOwn(params, param)) {
    return [{ field, message: `is unknown; the params are ${Object.keys(params).join(", ")}` }];
  }
  const { oneOf, pattern, type } = params[param] as PresetParam;
  if (typeof value !== "string" && typeof value !== type)
    return [{ field, message: `must be a ${type ?? "string"} and is of type ${typeof value}` }];
  const text = String(value);
  if (oneOf !== undefined && !oneOf.includes(text)) {
    return [{ field, message: `must be one of ${oneOf.join(", ")} and is ${quote(text)}` }];
  }
  if (pattern !== undefined && !pattern.test(text)) {
    return [{ field, message: `must match ${pattern.source} and is ${quote(text)}` }];
  }
  return [];
}

function defaultsOf(preset: Preset): Record<string, string> {
  const defaults: Record<string, string> = {};
  for (const [param, spec] of Object.entries(preset.params)) {
    if (spec.default !== undefined) defaults[param] = spec.default;
  }
  return defaults;
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100));
}
