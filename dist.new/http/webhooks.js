import { HeadraceError } from "../domain/errors.js";
import { InboundRequest } from "../pipeline/receive/inbound-request.js";
/** The webhook endpoints: no API key, the signature is the key. Bodies are taken as bytes, whatever they claim to be. */
export const webhookRoutes = async (server, options) => {
    server.removeAllContentTypeParsers();
    server.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
    async function handle(request, reply) {
        refuseEncodedBody(request);
        const { connector, tenant_id: tenantId, endpoint = "default" } = request.params;
        const name = { connector, tenantId, endpoint };
        const answer = await options.receive(name, new InboundRequest({
            method: request.method,
            url: `${options.publicUrl}${request.raw.url}`,
            rawHeaders: request.raw.rawHeaders,
            body: Buffer.isBuffer(request.body) ? request.body : NO_BODY,
        }));
        options.onAnswer(answer, name);
        return sendAnswer(reply, answer);
    }
    for (const path of [
        "/api/v1/webhooks/:connector/:tenant_id",
        "/api/v1/webhooks/:connector/:tenant_id/:endpoint",
    ]) {
        server.post(path, { bodyLimit: options.bodyLimitBytes }, handle);
    }
};
const NO_BODY = Buffer.alloc(0);
/** A signature covers the bytes as they were sent; what was packed on the way cannot be checked. */
function refuseEncodedBody(request) {
    const encoding = request.headers["content-encoding"];
    if (encoding === undefined || encoding === "identity")
        return;
    throw new HeadraceError("unsupported_media_type", `Content-Encoding ${encoding.slice(0, 100)} is not accepted: send the body as it is`);
}
function sendAnswer(reply, answer) {
    switch (answer.kind) {
        case "accepted":
        case "duplicate": {
            const [eventId] = answer.eventIds;
            if (answer.ack.body === "empty")
                return reply.code(answer.ack.status).send();
            return reply.code(answer.ack.status).send({
                status: answer.kind,
                ...(eventId === undefined ? {} : { event_id: eventId }),
                ...(answer.eventIds.length > 1 ? { event_ids: answer.eventIds } : {}),
            });
        }
        case "rejected":
            return reply.code(401).send();
        case "too_large":
            throw new HeadraceError("payload_too_large", `The body is larger than ${answer.limitBytes} bytes`);
        case "challenge":
            if (answer.contentType !== undefined)
                reply.header("content-type", answer.contentType);
            return reply.code(answer.status).header("x-content-type-options", "nosniff").send(answer.body);
    }
}
//# sourceMappingURL=webhooks.js.map