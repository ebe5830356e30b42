import { TargetRefused } from "./guarded-connect.js";
/**
 * Sends one request and reads its answer, up to `maxResponseBytes`, all within `timeoutMs`: the wait for a free
 * connection, connecting, the head of the answer and its body. Never rejects. What is longer is cut off, and is
 * `truncated`.
 */
export function exchange(connections, request) {
    return new Promise((resolve) => {
        new Exchange(connections, request, resolve).start();
    });
}
class Exchange {
    #connections;
    #request;
    #resolve;
    #timer;
    #connection;
    #controller;
    #status = 0;
    #headers = {};
    #chunks = [];
    #bytes = 0;
    constructor(connections, request, resolve) {
        this.#connections = connections;
        this.#request = request;
        this.#resolve = resolve;
    }
    start() {
        const { origin, signal, timeoutMs } = this.#request;
        signal?.addEventListener("abort", this.#onAbort, { once: true });
        this.#timer = setTimeout(() => this.#stop(failed("TIMEOUT", this.#missingAfter(timeoutMs))), timeoutMs);
        if (signal?.aborted) {
            this.#onAbort();
        }
        else if (!this.#connections.take(origin, this.#onConnection)) {
            this.#settle(failed("OVERLOADED", `Too many requests to ${origin}, or in all, are under way`));
        }
    }
    #onConnection = (connection) => {
        this.#connection = connection;
        const { path, method, headers, body } = this.#request;
        if (connection === undefined)
            this.#settle(STOPPING);
        else
            connection.dispatch({ path, method, headers, body: body ?? null }, this);
    };
    #onAbort = () => {
        this.#stop(failed("ABORTED", `The request to ${this.#request.origin} was given up by its caller`));
    };
    /** The request is about to be written to an open connection. */
    onRequestStart(controller) {
        this.#controller = controller;
        // It was given up while the connection was being opened.
        if (this.#resolve === undefined)
            controller.abort(GIVEN_UP);
    }
    onResponseStart(_controller, status, headers) {
        // Interim answers (103) come first, and are overwritten.
        this.#status = status;
        this.#headers = joinValues(headers);
    }
    onResponseData(controller, chunk) {
        const room = this.#request.maxResponseBytes - this.#bytes;
        this.#chunks.push(chunk.length > room ? chunk.subarray(0, room) : chunk);
        this.#bytes += chunk.length;
        if (chunk.length <= room)
            return;
        this.#settle(this.#response(true));
        controller.abort(GIVEN_UP);
    }
    onResponseEnd() {
        this.#settle(this.#response(false));
        this.#connections.give(this.#connection, true);
    }
    onResponseError(_controller, error) {
        this.#settle(failureOf(error, this.#request.origin));
        // In a stack of its own: whoever waits may fail at once, and give it back in turn.
        queueMicrotask(() => this.#connections.give(this.#connection, false));
    }
    #response(truncated) {
        const body = Buffer.concat(this.#chunks);
        return { kind: "response", status: this.#status, headers: this.#headers, body, truncated };
    }
    #stop(failure) {
        this.#settle(failure);
        this.#connections.withdraw(this.#request.origin, this.#onConnection);
        this.#controller?.abort(GIVEN_UP);
    }
    #settle(result) {
        clearTimeout(this.#timer);
        this.#request.signal?.removeEventListener("abort", this.#onAbort);
        this.#resolve?.(result);
        this.#resolve = undefined;
    }
    #missingAfter(timeoutMs) {
        const { origin } = this.#request;
        if (this.#status > 0)
            return `The answer of ${origin} did not end within ${timeoutMs} ms`;
        if (this.#controller !== undefined)
            return `${origin} did not answer within ${timeoutMs} ms`;
        if (this.#connection !== undefined)
            return `No connection to ${origin} was made within ${timeoutMs} ms`;
        return `No connection to ${origin} was free within ${timeoutMs} ms`;
    }
}
const GIVEN_UP = new Error("The request was given up");
/** What undici says when it would not send a request as it stands. */
const UNSENDABLE = ["UND_ERR_INVALID_ARG", "UND_ERR_NOT_SUPPORTED", "UND_ERR_REQ_CONTENT_LENGTH_MISMATCH"];
function failureOf(error, origin) {
    if (error instanceof TargetRefused) {
        return { kind: "refused", code: "TARGET_REFUSED", message: error.message };
    }
    const code = error.code ?? error.name;
    if (UNSENDABLE.includes(code)) {
        return {
            kind: "refused",
            code: "REQUEST_INVALID",
            message: `The request cannot be sent: ${error.message}`,
        };
    }
    if (code === "UND_ERR_DESTROYED")
        return STOPPING;
    if (code === "UND_ERR_CONNECT_TIMEOUT")
        return failed("TIMEOUT", `${origin} took too long to accept a connection`);
    return failed("CONNECTION", `The connection to ${origin} failed (${code})`);
}
const STOPPING = failed("ABORTED", "This process is stopping");
function failed(code, message) {
    return { kind: "failed", code, message };
}
function joinValues(headers) {
    return Object.fromEntries(Object.entries(headers).map(([name, value]) => [
        name,
        Array.isArray(value) ? value.join(", ") : (value ?? ""),
    ]));
}
//# sourceMappingURL=exchange.js.map