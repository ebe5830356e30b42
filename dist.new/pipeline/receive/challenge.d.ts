import type { InboundRequest } from "./inbound-request.ts";
import type { Scheme } from "./scheme.ts";
/** What a handshake or ping is answered with. */
export interface ChallengeAnswer {
    status: number;
    contentType: string | undefined;
    body: string;
}
/** The answer to an authentic request that is a handshake or ping of its scheme; undefined when it is a delivery. */
export declare function answerSignedChallenge(scheme: Scheme, request: InboundRequest): ChallengeAnswer | undefined;
