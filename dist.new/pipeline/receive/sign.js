import { HeadraceError } from "../../domain/errors.js";
import { formatTimestamp } from "./freshness.js";
import { InboundRequest } from "./inbound-request.js";
import { signedContent } from "./verify-content.js";
import { encodeSignature } from "./verify-encoding.js";
import { createSigner } from "./verify-key.js";
/**
 * Signs a delivery as the provider does: the headers that the scheme names, and the body unchanged. What stands
 * in the body (type, id, time) is the caller's. Throws HeadraceError `unprocessable` for a scheme whose signature
 * only the provider's private key can make, or stands in no header.
 */
export function signSample(sample) {
    const { scheme, body } = sample;
    const headers = {};
    const { timestamp, type } = scheme;
    if (timestamp)
        put(headers, timestamp.from, formatTimestamp(sample.nowMs, timestamp.unit));
    putFirst(headers, scheme.delivery_id, sample.id);
    const [event] = sample.type.split(".", 1);
    putFirst(headers, type.from, type.suffix === undefined ? sample.type : event);
    if (scheme.signature) {
        const signed = encodeSignature(signatureOf(sample, headers), scheme.signature.encoding);
        const placed = putFirst(headers, scheme.signature.from, signed);
        if (!placed)
            throw cannotSign("its signature stands in no header");
    }
    return { headers, body };
}
function signatureOf(sample, headers) {
    const { scheme, secret, body, method = "POST", url = "" } = sample;
    const sign = createSigner(scheme, secret);
    if (sign === undefined)
        throw cannotSign("it is checked with a public key, or the secret is empty");
    const rawHeaders = Object.entries(headers).flat();
    const content = signedContent(scheme, new InboundRequest({ method, url, rawHeaders, body }));
    if (content.kind === "rejected")
        throw cannotSign(content.reason);
    return sign(content.pieces);
}
function putFirst(headers, places = [], value) {
    const place = places.find((candidate) => "header" in candidate);
    if (place !== undefined)
        put(headers, place, value);
    return place !== undefined;
}
/** A header that is a list takes its entries one after another. */
function put(headers, place, value) {
    if (!("header" in place))
        return;
    const { header, separator, prefix = "" } = place;
    const earlier = headers[header];
    headers[header] = earlier === undefined ? prefix + value : `${earlier}${separator ?? ""}${prefix}${value}`;
}
function cannotSign(why) {
    return new HeadraceError("unprocessable", `No sample of this scheme can be signed: ${why}`);
}
//# sourceMappingURL=sign.js.map