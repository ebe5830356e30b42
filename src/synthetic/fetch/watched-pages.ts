import type { PolledSource } from "../sources/polled-source.ts";
import type { FetchedPage, FetchPages, FetchReport } from "./fetched-page.ts";

/** Hooks of a reading. */
export interface PageWatch {
  /**
   * Resolves when the next page may be requested. Not called for the first page, which the poll's admission covers.
   */
  beforeNext(source: PolledSource, signal: AbortSignal): Promise<void>;
  onPage(source: PolledSource, page: FetchedPage): void;
  /** Not called if the poll was cancelled. */
  onEnd(source: PolledSource, report: FetchReport): void;
}

/** Wraps the reading of pages with hooks. */
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

/** The report of an abandoned reading, which nobody reads. */
const UNREAD: FetchReport = {
  end: { kind: "failed", code: "ABORTED", message: "The poll was cancelled", retryAfterMs: undefined },
  requests: 0,
  rateLimit: undefined,
};
