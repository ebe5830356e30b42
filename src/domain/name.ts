/** How tenants, connectors, endpoints and flows are named by those who make them. */
export const NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$";

const NAME = new RegExp(NAME_PATTERN);

/** False for what nothing can be named, so that it need not be looked for. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
