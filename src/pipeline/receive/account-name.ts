/**
 * Returns the form in which accounts are compared. An account that is a URL (WooCommerce: the address of the shop) is
 * the same with and without a slash at its end.
 */
export function comparedAccount(account: string): string {
  return /^https?:\/\//i.test(account) ? account.replace(/\/+$/, "") : account;
}

/** Returns the spellings under which an account may be stored. */
export function storedAccounts(account: string): string[] {
  const compared = comparedAccount(account);
  return /^https?:\/\//i.test(account) ? [compared, `${compared}/`] : [account];
}
