import { isDeepStrictEqual } from "node:util";
import type { ErrorDetail } from "../../domain/errors.ts";
import { urlsOfSource } from "./check-source.ts";
import type { ConnectorSource } from "./connector-source.ts";

/** The connector of a source, and the params that fill its URLs. */
export interface SourcePlace {
  connector: string;
  params: Readonly<Record<string, string>>;
}

/**
 * Returns the reason why the credentials of a source cannot stay in a PUT that gives none: they would be sent to another
 * place than the one that they were given for, which someone who may not read them could choose. A connector's code can
 * use any param as a place.
 */
export function flawOfKeeping(
  source: ConnectorSource,
  before: SourcePlace,
  after: SourcePlace,
): ErrorDetail | undefined {
  const changed =
    before.connector !== after.connector
      ? "another connector"
      : source.request === undefined
        ? isDeepStrictEqual(before.params, after.params)
          ? undefined
          : "other params"
        : sendsElsewhere(originsOf(source, before.params), originsOf(source, after.params))
          ? "params of another host"
          : undefined;
  if (changed === undefined) return undefined;
  return {
    field: "credentials",
    expected: `the credentials again, since the source now has ${changed}; {} clears them`,
    got: "nothing",
  };
}

function originsOf(source: ConnectorSource, params: SourcePlace["params"]): string[] {
  return urlsOfSource(source, params).map((url) => new URL(url).origin);
}

function sendsElsewhere(before: readonly string[], after: readonly string[]): boolean {
  return after.some((origin) => !before.includes(origin));
}
