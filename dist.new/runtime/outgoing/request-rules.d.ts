/** The methods that an outgoing request may have. CONNECT and TRACE are for proxies and their debuggers. */
export declare const OUTGOING_METHODS: readonly ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
export type OutgoingMethod = (typeof OUTGOING_METHODS)[number];
/** Whether a header (lower-case name) belongs to the connection and its framing, so that no caller may set it. */
export declare function isConnectionHeader(name: string): boolean;
/** Why a URL cannot be called, whatever its host resolves to; undefined when it can. Quotes nothing of the URL. */
export declare function flawOfUrl(text: string): string | undefined;
/** Why a request cannot be sent as it stands, or undefined. The names of its headers are in lower case. */
export declare function flawOf(request: {
    url: string;
    method: string;
    headers: Readonly<Record<string, string>>;
}): string | undefined;
