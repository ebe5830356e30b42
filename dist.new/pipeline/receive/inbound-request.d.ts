import { type ParsedBody } from "../../domain/body.ts";
export interface RequestFields {
    method: string;
    /** The public URL as the provider called it, with its query: made from the configured base, never from Host. */
    url: string;
    /** Names and values in turn, as `IncomingMessage.rawHeaders` has them: nothing joined, nothing dropped. */
    rawHeaders: readonly string[];
    /** The exact bytes. */
    body: Buffer;
}
/** One request to a webhook endpoint, as it came. Header values are byte strings: one character a byte. */
export declare class InboundRequest {
    #private;
    readonly method: string;
    readonly url: string;
    readonly rawHeaders: readonly string[];
    readonly body: Buffer;
    constructor({ method, url, rawHeaders, body }: RequestFields);
    get contentType(): string | undefined;
    /** The body as data, read once and only when it is asked for. */
    get parsed(): ParsedBody;
    /** The value of the first header of this name, in any case. */
    header(name: string): string | undefined;
    /** True when two headers have this name: which of them was meant cannot be known. */
    repeats(name: string): boolean;
    query(name: string): string | undefined;
}
