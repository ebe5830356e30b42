/**
 * Returns the target of the first link with the relation `next`; undefined if there is none. Relations are
 * case-insensitive, a link may have several, and the first of several `rel` parameters counts. Source: RFC 8288,
 * section 3.
 */
export function nextLink(header: string | undefined): string | undefined {
  let rest = header?.trim() ?? "";
  for (let target = TARGET.exec(rest); target !== null; target = TARGET.exec(rest)) {
    rest = rest.slice(target[0].length).trimStart();
    let relation: string | undefined;
    for (let param = PARAMETER.exec(rest); param !== null; param = PARAMETER.exec(rest)) {
      const [whole, name = "", quoted, token] = param;
      if (name.toLowerCase() === "rel") relation ??= quoted?.replace(/\\(.)/g, "$1") ?? token ?? "";
      rest = rest.slice(whole.length).trimStart();
    }
    if (relation?.toLowerCase().split(/\s+/).includes("next")) return target[1];
    rest = rest.replace(/^[\s,]+/, "");
  }
  return undefined;
}

const TARGET = /^<([^<>]*)>/;
const PARAMETER = /^;\s*([^\s=;,"<>]+)(?:\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s;,"]+)))?/;
