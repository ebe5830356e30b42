import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";

/** A request as a fake sees it. */
export interface ProviderRequest {
  method: string;
  /** With the fake's origin. */
  url: URL;
  headers: IncomingHttpHeaders;
  body: string;
}

/** An answer: JSON, with the provider's own headers. */
export interface ProviderAnswer {
  status?: number;
  headers?: Record<string, string>;
  body: unknown;
}

/** One provider's API on loopback, written after its public documentation. */
export interface Provider {
  /** The connector's file in `connectors/`, without its ending. */
  connector: string;
  url: string;
  params: Record<string, string>;
  credentials: Record<string, string>;
  /** The number of records, and the number of pages that a reading needs at the connector's page size. */
  records: number;
  pages: number;
  /** Requests for pages, with the statuses of their answers. */
  requests: { url: URL; status: number }[];
  /** Refuses the page after so many more answered ones, as the provider's rate limit does. */
  refuseAfter(pages: number): void;
  /** Changes a record, and returns its id. */
  change(): string;
  close(): Promise<void>;
}

/** The behaviour of a provider. */
export interface ProviderBehaviour {
  connector: string;
  params: (url: string) => Record<string, string>;
  credentials: Record<string, string>;
  records: number;
  pages: number;
  /** Answers requests that are not for pages, such as those for tokens; undefined if it is for a page. */
  aside?: (request: ProviderRequest) => ProviderAnswer | undefined;
  page: (request: ProviderRequest) => ProviderAnswer;
  /** The documented answer of an exhausted rate limit. */
  refusal: () => ProviderAnswer;
  change: () => string;
}

/** Serves a provider on a free port of 127.0.0.1. */
export async function serveProvider(behaviour: ProviderBehaviour): Promise<Provider> {
  const { connector, credentials, records, pages } = behaviour;
  let refuseIn = Number.POSITIVE_INFINITY;
  const server = createServer(async (incoming, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of incoming) chunks.push(chunk as Buffer);
    const request: ProviderRequest = {
      method: incoming.method ?? "GET",
      url: new URL(incoming.url ?? "/", provider.url),
      headers: incoming.headers,
      body: Buffer.concat(chunks).toString(),
    };
    const aside = behaviour.aside?.(request);
    const isRefused = aside === undefined && refuseIn === 0;
    if (aside === undefined) refuseIn = isRefused ? Number.POSITIVE_INFINITY : refuseIn - 1;
    const answer = aside ?? (isRefused ? behaviour.refusal() : behaviour.page(request));
    const { status = 200, headers = {}, body } = answer;
    if (aside === undefined) provider.requests.push({ url: request.url, status });
    response.writeHead(status, { "content-type": "application/json; charset=utf-8", ...headers });
    response.end(JSON.stringify(body));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const provider: Provider = {
    connector,
    url,
    params: behaviour.params(url),
    credentials,
    records,
    pages,
    requests: [],
    refuseAfter(answered) {
      refuseIn = answered;
    },
    change: behaviour.change,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return provider;
}

/** Returns `count` records, made from their numbers from 1 on. */
export function numbered<Made>(count: number, make: (number: number) => Made): Made[] {
  return Array.from({ length: count }, (_, index) => make(index + 1));
}

/** Returns the time of the nth record, RFC 3339. */
export function timeOf(number: number): string {
  return new Date(Date.UTC(2026, 0, 1) + number * 60_000).toISOString();
}

/** Returns the whole number in a query, or the default. */
export function wholeIn({ url }: ProviderRequest, name: string, fallback: number): number {
  const text = url.searchParams.get(name);
  return text === null ? fallback : Number(text);
}
