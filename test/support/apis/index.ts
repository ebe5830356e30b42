import { startAirtable } from "./airtable.ts";
import { startGithub } from "./github.ts";
import { startGoogleSheets } from "./google-sheets.ts";
import { startHubspot } from "./hubspot.ts";
import { startJira } from "./jira.ts";
import type { Provider } from "./provider.ts";
import { startShopify } from "./shopify.ts";
import { startSlack } from "./slack.ts";
import { startZendesk } from "./zendesk.ts";

/** The fake of each ready-made connector's API, by the connector's name. */
export const PROVIDERS: Readonly<Record<string, () => Promise<Provider>>> = {
  "airtable-records": startAirtable,
  "github-issues": startGithub,
  "google-sheet": startGoogleSheets,
  "hubspot-contacts": startHubspot,
  "jira-issues": startJira,
  "shopify-orders": startShopify,
  "slack-users": startSlack,
  "zendesk-tickets": startZendesk,
};
