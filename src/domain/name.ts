/** The pattern of the names of tenants, connectors, endpoints and flows. */
export const NAME_PATTERN = "^[A-Za-z0-9][A-Za-z0-9_.-]{0,127}$";

const NAME = new RegExp(NAME_PATTERN);

/** Whether the text can be a name. If not, a lookup by it is pointless. */
export function isName(text: string): boolean {
  return NAME.test(text);
}
