import type { Scheme } from "./scheme.ts";
import type { ContentPiece } from "./verify-content.ts";
/** True when one of the signatures is this key's over the content. Never throws. */
export type SignatureCheck = (content: readonly ContentPiece[], signatures: readonly Buffer[]) => boolean;
/** The check for one secret of an endpoint; undefined when the secret cannot be a key of this scheme. */
export declare function createCheck(scheme: Scheme, secret: string): SignatureCheck | undefined;
/**
 * Signs as the provider does; undefined when the scheme is checked with a public key or not at all, or the secret
 * is empty. The signature of a token is the token.
 */
export declare function createSigner(scheme: Scheme, secret: string): ((content: readonly ContentPiece[]) => Buffer) | undefined;
