import { firstValue } from "./place.js";
/** The answer to an authentic request that is a handshake or ping of its scheme; undefined when it is a delivery. */
export function answerSignedChallenge(scheme, request) {
    const challenge = scheme.challenges.find(({ when, proof, method = request.method }) => proof === "signature" &&
        method === request.method &&
        when.every(({ at, equals }) => {
            const value = firstValue([at], request)?.value;
            return value !== undefined && (equals === undefined || value === equals);
        }));
    if (challenge === undefined)
        return undefined;
    const { status, content_type: contentType, text } = challenge.answer;
    return { status, contentType, body: text === undefined ? "" : (firstValue([text], request)?.value ?? "") };
}
//# sourceMappingURL=challenge.js.map