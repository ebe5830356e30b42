/** A secret as it is stored: the nonce, the ciphertext and the tag in one, and which key sealed it. */
export interface Sealed {
    sealed: Buffer;
    keyId: string;
}
/**
 * Seals secrets with AES-256-GCM. `place` says where the secret lives (tenant and row) and is authenticated with
 * it: a sealed value that was moved to another tenant's row does not open.
 */
export interface KeyRing {
    seal(secret: string, place: string): Sealed;
    /** Throws `decryption_failed` when the key is unknown, the place is another, or a byte was changed. */
    open(sealed: Sealed, place: string): string;
}
/** Reads `id:base64(32 bytes)`, comma-separated: the first key seals, all of them open. */
export declare function createKeyRing(setting: string): KeyRing;
