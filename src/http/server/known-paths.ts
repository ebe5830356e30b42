import type { RouteOptions } from "fastify";

/** The methods of each registered path, which distinguish a wrong method from a wrong path. */
export interface KnownPaths {
  add(route: Pick<RouteOptions, "method" | "url">): void;
  /** Returns the methods of all routes that match the path, sorted. */
  methodsOf(path: string): string[];
}

/** Creates an empty set of known paths. */
export function createKnownPaths(): KnownPaths {
  const routes = new Map<string, { segments: string[]; methods: Set<string> }>();
  return {
    add({ method, url }) {
      const known = routes.get(url) ?? { segments: url.split("/"), methods: new Set() };
      for (const one of [method].flat()) known.methods.add(one);
      routes.set(url, known);
    },
    methodsOf(path) {
      const segments = path.split("/");
      const methods = [...routes.values()].flatMap((route) =>
        fits(route.segments, segments) ? [...route.methods] : [],
      );
      return [...new Set(methods)].sort();
    },
  };
}

function fits(pattern: readonly string[], segments: readonly string[]): boolean {
  if (pattern.length !== segments.length) return false;
  return pattern.every(
    (part, index) => part === segments[index] || (part.startsWith(":") && segments[index] !== ""),
  );
}
