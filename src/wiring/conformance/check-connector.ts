import { DEFAULT_SOURCE, defaultIntervalLimits } from "../../domain/source.ts";
import { neededSecrets } from "../../synthetic/fetch/read-source.ts";
import { checkSource } from "../../synthetic/sources/check-source.ts";
import type { ConnectorSource } from "../../synthetic/sources/connector-source.ts";
import { checkWebhook, type GivenSample, type WebhookCheck } from "./check-webhook.ts";
import { type PollingInput, type PollingTools, pollConnector, type SourceCheck } from "./poll-connector.ts";
import { type Problem, problemsOf, readConnector } from "./read-connector.ts";

/** The result of trying a connector. */
export interface ConnectorCheck {
  ok: boolean;
  name: string | null;
  /** Everything that is wrong, with the fields. */
  problems: Problem[];
  /** Null if the connector has no such half, or the file is refused. */
  webhook: WebhookCheck | null;
  /** Null if the source was not polled. */
  source: SourceCheck | null;
}

/** Tries both halves of a connector. Without `polling` its source is validated and not polled. */
export async function checkConnector(
  text: Buffer,
  options: { sample?: GivenSample; polling?: PollingInput; tools: PollingTools },
): Promise<ConnectorCheck> {
  const read = readConnector(text);
  if (read.kind === "refused") {
    return { ok: false, name: null, problems: read.problems, webhook: null, source: null };
  }
  const { name = null, webhook, source } = read.connector;
  const problems: Problem[] = [];
  const ofWebhook =
    webhook === undefined ? null : checkWebhook(webhook, options.sample ?? {}, options.tools.now());
  if (ofWebhook !== null) problems.push(...ofWebhook.problems);
  let ofSource: SourceCheck | null = null;
  if (options.polling !== undefined) {
    const flaws = flawsOfPolling(source as ConnectorSource | undefined, options.polling);
    problems.push(...flaws);
    if (flaws.length === 0) {
      ofSource = await pollConnector(source as ConnectorSource, options.polling, options.tools);
      problems.push(...ofSource.problems);
    }
  }
  return { ok: problems.length === 0, name, problems, webhook: ofWebhook, source: ofSource };
}

function flawsOfPolling(source: ConnectorSource | undefined, polling: PollingInput): Problem[] {
  if (source === undefined) {
    return [{ field: "source", message: "the connector has none, so there is nothing to poll" }];
  }
  if (source.handler !== undefined) {
    const message = "the source is code: poll it with a tenant's source, as its handler runs in a flow host";
    return [{ field: "source.handler", message }];
  }
  const { min, max } = defaultIntervalLimits(DEFAULT_SOURCE.base_interval_seconds);
  const definition = {
    ...DEFAULT_SOURCE,
    params: polling.params,
    min_interval_seconds: min,
    max_interval_seconds: max,
  };
  const missing = neededSecrets(source).filter((name) => !polling.secrets.has(name));
  return [
    ...problemsOf(() => checkSource(source, { definition, credentials: polling.credentials })),
    ...missing.map((name) => ({ field: `secrets.${name}`, message: "expected a value: give --secret" })),
  ];
}
