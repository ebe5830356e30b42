/**
 * Returns the message of a thrown value: the message of an Error, its code or name where the message is empty (as in an
 * error of several connection attempts), and the text of any other value.
 */
export function errorMessage(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  return thrown.message || (thrown as { code?: string }).code || thrown.name;
}
