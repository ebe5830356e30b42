import type { FastifyPluginAsync } from "fastify";
import { InboundRequest } from "../pipeline/receive/inbound-request.ts";
import type { ReceiveAnswer } from "../pipeline/receive/receiver.ts";
import type { EndpointName } from "../postgres/receiving-endpoints.ts";
export interface WebhookRoutesOptions {
    receive: (name: EndpointName, request: InboundRequest) => Promise<ReceiveAnswer>;
    /** What providers call, without a path: signatures that cover the URL are checked against it. */
    publicUrl: string;
    /** No body of any scheme is larger, bytes. */
    bodyLimitBytes: number;
    onAnswer: (answer: ReceiveAnswer, name: EndpointName) => void;
}
/** The webhook endpoints: no API key, the signature is the key. Bodies are taken as bytes, whatever they claim to be. */
export declare const webhookRoutes: FastifyPluginAsync<WebhookRoutesOptions>;
