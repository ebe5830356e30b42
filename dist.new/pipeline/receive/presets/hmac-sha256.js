const HEADER = /^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$/;
const PATH = /^(?=.{1,200}$)(?:(?:\/(?:[^/~]|~[01])*)+|[^/].*)$/;
/**
 * HMAC SHA-256 over the body, for any sender that can be told how. With `timestamp_header` the signed content is
 * `<timestamp>.<body>`, the timestamp exactly as it stands in the header, and deliveries older or newer than 300 s
 * are refused; without it there is no freshness to check, and deduplication carries the replays.
 */
export const hmacSha256 = {
    description: "HMAC SHA-256 over the body, or over <timestamp>.<body> where timestamp_header is set",
    docs: "https://datatracker.ietf.org/doc/html/rfc2104",
    params: {
        header: { description: "The header of the signature", default: "X-Signature-256", pattern: HEADER },
        encoding: {
            description: "How the signature is written; hex in either case",
            default: "hex",
            oneOf: ["hex", "base64"],
        },
        prefix: {
            description: "Stands before the signature in its header, as sha256= does",
            default: "",
            pattern: /^.{0,64}$/,
        },
        timestamp_header: { description: "The header of the signed timestamp", pattern: HEADER },
        timestamp_unit: {
            description: "How the timestamp is written",
            default: "s",
            oneOf: ["s", "ms", "rfc3339"],
        },
        id_header: { description: "The header of the delivery id, which is not signed", pattern: HEADER },
        id_path: { description: "Where the delivery id stands in the body: a.b or /a/b", pattern: PATH },
        type_header: { description: "The header of the event type, which is not signed", pattern: HEADER },
        type_path: {
            description: "Where the event type stands in the body: a.b or /a/b; /type where neither is set",
            pattern: PATH,
        },
    },
    scheme: ({ header = "", encoding, prefix = "", timestamp_header, timestamp_unit, ...places }) => {
        const id = placesOf(places["id_path"], places["id_header"]);
        const type = placesOf(places["type_path"], places["type_header"]);
        return {
            algorithm: "hmac-sha256",
            signature: { from: [{ header, prefix }], encoding: encoding === "base64" ? "base64" : "hex_any_case" },
            content: timestamp_header === undefined ? ["body"] : ["timestamp", { literal: "." }, "body"],
            ...(timestamp_header !== undefined && {
                timestamp: { from: { header: timestamp_header }, unit: timestamp_unit },
            }),
            ...(id.length > 0 && { delivery_id: id }),
            // A sender that names no type still makes events that flows can ask for.
            type: { from: [...(type.length > 0 ? type : [{ body: "/type" }]), { literal: "webhook" }] },
        };
    },
};
/** The body is asked first: the signature covers it, and no header. */
function placesOf(path, header) {
    return [
        ...(path === undefined ? [] : [{ body: asPointer(path) }]),
        ...(header === undefined ? [] : [{ header }]),
    ];
}
/** A path is a JSON pointer, or keys with dots between them; `\.` is a dot within a key. */
function asPointer(path) {
    if (path.startsWith("/"))
        return path;
    const keys = path.split(/(?<!\\)\./).map((key) => key.replaceAll("\\.", "."));
    return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
//# sourceMappingURL=hmac-sha256.js.map