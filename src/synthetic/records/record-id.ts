import { pathKeys } from "../../domain/condition/path.ts";
import type { RecordOptions } from "./record-options.ts";

/** Returns the id of a record from its key; the key itself if it is a hash. */
export function subjectOfKey(key: string): string {
  const ids = idsOf(key);
  if (ids === undefined) return key;
  return Array.isArray(ids) ? key : String(ids);
}

/** Builds a record that has only its id from the key; null if the key is a hash. */
export function recordOfKey(key: string, { id }: RecordOptions): unknown {
  const ids = idsOf(key);
  if (ids === undefined) return null;
  const record = {};
  const paths = typeof id === "string" ? [id] : id;
  for (const [index, path] of paths.entries()) {
    const value = Array.isArray(ids) ? ids[index] : ids;
    const keys = pathKeys(path);
    const holder = keys.slice(0, -1).reduce<Record<string, unknown>>((at, name) => {
      if (!Object.hasOwn(at, name)) define(at, name, {});
      return at[name] as Record<string, unknown>;
    }, record);
    define(holder, keys.at(-1) as string, value);
  }
  return record;
}

function idsOf(key: string): unknown {
  return key.startsWith("#") ? undefined : JSON.parse(key);
}

/** Sets a property like JSON.parse, whatever its name. */
function define(holder: object, name: string, value: unknown): void {
  Object.defineProperty(holder, name, { value, enumerable: true, configurable: true, writable: true });
}
