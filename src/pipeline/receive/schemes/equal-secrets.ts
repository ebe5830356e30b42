import { createHash } from "node:crypto";
import type { Scheme } from "./scheme.ts";
import { createSigner } from "./verify-key.ts";

/** A secret and the scheme that it is for. */
export interface SchemeSecret {
  scheme: Scheme;
  value: string;
}

/** Returns whether a secret of the first list verifies what one of the second does, however the two are written. */
export function haveEqualSecret(ones: readonly SchemeSecret[], others: readonly SchemeSecret[]): boolean {
  const known = new Set(others.map(keyOf));
  return ones.some((one) => known.has(keyOf(one)));
}

/** Digests the key that the scheme reads from the secret: prefixes and padding make no other key of it. */
function keyOf({ scheme, value }: SchemeSecret): string {
  const proof = createSigner(scheme, value)?.(["equal secrets"]) ?? Buffer.from(value.trim());
  return createHash("sha256").update(proof).digest("hex");
}
