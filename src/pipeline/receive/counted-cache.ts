/** What was loaded, right at one value of the receive counter. */
export interface Counted {
  counter: number;
}

/** The newest value of the receive counter that this process has seen: what was loaded before it no longer counts. */
export interface NewestCounter {
  value: number;
}

/** Values by key, each loaded once for each value of the counter that was seen. */
export interface CountedCache<Value extends Counted> {
  /** The value if it is held and current: no promise, for every delivery asks. */
  held(key: string): Value | undefined;
  /** Loads the value; concurrent calls share one look. */
  load(key: string): Promise<Value>;
}

/**
 * A cache of at most `maxEntries`, and as many of what does not exist: whoever asks for names at random pushes out
 * nothing that is in use.
 */
export function createCountedCache<Value extends Counted>(deps: {
  newest: NewestCounter;
  maxEntries: number;
  exists: (value: Value) => boolean;
  read: (key: string) => Promise<Value>;
}): CountedCache<Value> {
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
    held(key) {
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
