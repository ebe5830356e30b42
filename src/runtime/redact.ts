import { createLogger } from "./logger.ts";

/**
 * Makes the fields of a log line plain JSON, with the values that may be secret replaced, as the log of the process
 * does: pino writes the line. Fields that throw when they are read are left out.
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
