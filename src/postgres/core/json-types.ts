import pg from "pg";
import { ExactNumber } from "../../domain/json/exact-number.ts";
import { readJson } from "../../domain/json/parse-text.ts";

/**
 * Reads JSON columns without loss: a number of `json` that JavaScript would print with other digits is an `ExactNumber`,
 * one of `jsonb`, whose digits PostgreSQL chooses, only if no JavaScript number has its value. All other types are read
 * as the driver reads them.
 */
export const TYPES_WITH_EXACT_JSON: pg.CustomTypesConfig = {
  getTypeParser: (id, format) => {
    if (format !== "binary" && id === pg.types.builtins.JSON) return readJson;
    if (format !== "binary" && id === pg.types.builtins.JSONB) return readJsonb;
    return pg.types.getTypeParser(id, format as "text");
  },
};

function readJsonb(text: string): unknown {
  return withPlain(readJson(text));
}

function withPlain(value: unknown): unknown {
  if (value instanceof ExactNumber) return value.plain ?? value;
  if (typeof value !== "object" || value === null) return value;
  const members = value as Record<string, unknown>;
  for (const name of Object.keys(members)) {
    const member = members[name];
    if (typeof member === "object") members[name] = withPlain(member);
  }
  return value;
}
