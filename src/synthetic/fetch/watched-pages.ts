import type { PolledSource } from "../sources/polled-source.ts";
import type { FetchedPage, FetchPages, FetchReport } from "./fetched-page.ts";

/** What stands beside the reading of pages. */
export interface PageWatch {
  /** Resolves when the next page may be asked for; of the first page the poll's admission said so. */
  beforeNext(source: PolledSource, signal: AbortSignal): Promise<void>;
  onPage(source: PolledSource, page: FetchedPage): void;
  /** Not called for a reading that its poll has given up. */
  onEnd(source: PolledSource, report: FetchReport): void;
}

/** The same pages, watched. */
export function watchPages(
  fetchPages: (source: PolledSource) => FetchPages,
  watch: PageWatch,
): (source: PolledSource) => FetchPages {
  return (source) =>
    async function* pages(options) {
      const reading = fetchPages(source)(options);
      try {
        for (;;) {
          const step = await reading.next();
          if (step.done) {
            if (!options.signal.aborted) watch.onEnd(source, step.value);
            return step.value;
          }
          watch.onPage(source, step.value);
          yield step.value;
          await watch.beforeNext(source, options.signal);
        }
      } finally {
        await reading.return(UNREAD);
      }
    };
}

/** Of a reading that nobody wants the rest of. */
const UNREAD: FetchReport = {
  end: { kind: "failed", code: "ABORTED", message: "The poll was given up", retryAfterMs: undefined },
  requests: 0,
  rateLimit: undefined,
};
