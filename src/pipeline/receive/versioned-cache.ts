/** A value that was loaded at one value of the receive counter. */
export interface Versioned {
  counter: number;
}

/** The newest value of the receive counter that this process has seen. Values loaded at an older one are stale. */
export interface NewestCounter {
  value: number;
}

/** A cache that loads each key once per value of the receive counter. */
export interface VersionedCache<Value extends Versioned> {
  /** Returns the cached value if it is current. Synchronous because every delivery calls it. */
  get(key: string): Value | undefined;
  /** Loads the value. Concurrent calls for one key share one read. */
  load(key: string): Promise<Value>;
}

/**
 * Creates a cache of at most `maxEntries` existing values and as many missing ones. Lookups of random names therefore
 * evict no value that is in use.
 */
export function createVersionedCache<Value extends Versioned>(deps: {
  newest: NewestCounter;
  maxEntries: number;
  exists: (value: Value) => boolean;
  read: (key: string) => Promise<Value>;
}): VersionedCache<Value> {
  const { newest, maxEntries, exists, read } = deps;
  const found = new Map<string, Value>();
  const missing = new Map<string, Value>();
  const loading = new Map<string, Promise<Value>>();

  async function load(key: string): Promise<Value> {
    try {
      const value = await read(key);
      newest.value = Math.max(newest.value, value.counter);
      const entries = exists(value) ? found : missing;
      (entries === found ? missing : found).delete(key);
      if (entries.size >= maxEntries && !entries.has(key)) {
        entries.delete(entries.keys().next().value as string);
      }
      entries.set(key, value);
      return value;
    } finally {
      loading.delete(key);
    }
  }

  return {
    get(key) {
      const value = found.get(key) ?? missing.get(key);
      return value !== undefined && value.counter >= newest.value ? value : undefined;
    },
    load(key) {
      const shared = loading.get(key) ?? load(key);
      loading.set(key, shared);
      return shared;
    },
  };
}
