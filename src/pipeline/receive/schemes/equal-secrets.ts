import { createHash } from "node:crypto";
import type { Scheme } from "./scheme.ts";
import { createSigner } from "./verify-key.ts";

/** A secret with its scheme. */
export interface SchemeSecret {
  scheme: Scheme;
  value: string;
}

/** Reports whether a secret of the first list verifies the same signatures as one of the second. */
export function haveEqualSecret(ones: readonly SchemeSecret[], others: readonly SchemeSecret[]): boolean {
  const known = new Set(others.map(keyOf));
  return ones.some((one) => known.has(keyOf(one)));
}

/** Returns a digest of the key. Different spellings of one key (prefixes, padding) have the same digest. */
function keyOf({ scheme, value }: SchemeSecret): string {
  const proof = createSigner(scheme, value)?.(["equal secrets"]) ?? Buffer.from(value.trim());
  return createHash("sha256").update(proof).digest("hex");
}
