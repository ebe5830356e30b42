import { createLogger } from "./logger.ts";

/**
 * Creates a function that turns the fields of a log line into plain JSON, with the secrets redacted that the process log
 * redacts. It returns undefined for fields that are empty or cannot be read.
 */
export function createRedactor(): (fields: unknown) => Record<string, unknown> | undefined {
  let text = "";
  const pino = createLogger("info", {
    write(line) {
      text = line;
    },
  });
  return (fields) => {
    if (typeof fields !== "object" || fields === null) return undefined;
    text = "";
    try {
      pino.info(fields);
      const { level: _level, time: _time, ...kept } = text === "" ? {} : JSON.parse(text);
      return Object.keys(kept).length > 0 ? kept : undefined;
    } catch {
      return undefined;
    }
  };
}
