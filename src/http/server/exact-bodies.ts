import { ExactNumber } from "../../domain/json/exact-number.ts";

declare module "fastify" {
  interface FastifyContextConfig {
    /** Dotted paths in the body whose numbers keep their digits, also in each element of a list. */
    exact?: readonly string[];
  }
}

/**
 * Makes the exact numbers of a parsed body JavaScript numbers, in place, except at the paths of values that are stored or
 * compared as they came: schemas know JavaScript numbers only. Returns the body.
 */
export function withPlainFields(body: unknown, exact: readonly string[] = []): unknown {
  return plain(body, "", exact);
}

function plain(value: unknown, path: string, exact: readonly string[]): unknown {
  if (value instanceof ExactNumber) return value.valueOf();
  if (Array.isArray(value)) {
    for (const [index, element] of value.entries()) {
      if (typeof element === "object") value[index] = plain(element, path, exact);
    }
  } else if (typeof value === "object" && value !== null) {
    const members = value as Record<string, unknown>;
    for (const [name, member] of Object.entries(members)) {
      const below = path === "" ? name : `${path}.${name}`;
      if (typeof member === "object" && !exact.includes(below)) members[name] = plain(member, below, exact);
    }
  }
  return value;
}
