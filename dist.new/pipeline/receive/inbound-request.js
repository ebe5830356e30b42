import { parseBody } from "../../domain/body.js";
/** One request to a webhook endpoint, as it came. Header values are byte strings: one character a byte. */
export class InboundRequest {
    method;
    url;
    rawHeaders;
    body;
    #parsed;
    constructor({ method, url, rawHeaders, body }) {
        this.method = method;
        this.url = url;
        this.rawHeaders = rawHeaders;
        this.body = body;
    }
    get contentType() {
        return this.header("content-type");
    }
    /** The body as data, read once and only when it is asked for. */
    get parsed() {
        this.#parsed ??= parseBody({ contentType: this.contentType, body: this.body });
        return this.#parsed;
    }
    /** The value of the first header of this name, in any case. */
    header(name) {
        return this.rawHeaders[this.#find(name, 0) + 1];
    }
    /** True when two headers have this name: which of them was meant cannot be known. */
    repeats(name) {
        const first = this.#find(name, 0);
        return first < this.rawHeaders.length && this.#find(name, first + 2) < this.rawHeaders.length;
    }
    query(name) {
        const start = this.url.indexOf("?");
        if (start === -1)
            return undefined;
        return new URLSearchParams(this.url.slice(start + 1)).get(name) ?? undefined;
    }
    /** Where the header of this name stands, or the length of the list. */
    #find(name, from) {
        const headers = this.rawHeaders;
        const wanted = name.toLowerCase();
        let index = from;
        while (index < headers.length && !isNamed(headers[index], wanted))
            index += 2;
        return index;
    }
}
function isNamed(header, wanted) {
    return header.length === wanted.length && (header === wanted || header.toLowerCase() === wanted);
}
//# sourceMappingURL=inbound-request.js.map