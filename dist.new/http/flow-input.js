import { readCondition } from "../domain/condition/read.js";
import { HeadraceError } from "../domain/errors.js";
import { asDefinition } from "./schemas/flow.js";
/** Fields of a flow that have a meaning, and no effect yet: storing them would promise one. */
const LATER_FIELDS = ["concurrency", "rate_limit", "order_by", "on_order_failure", "enabled_from"];
/** Throws `unprocessable` for what this version of Headrace cannot do yet. Takes anything: it comes before validation. */
export function refuseLaterFields(body) {
    const { trigger, ...rest } = (body ?? {});
    const fields = LATER_FIELDS.filter((field) => field in rest);
    if (typeof trigger === "object" && trigger !== null && "schedule" in trigger)
        fields.push("trigger.schedule");
    if (fields.length === 0)
        return;
    throw new HeadraceError("unprocessable", `Not supported by this version: ${fields.join(", ")}`, {
        details: fields.map((field) => ({ field, expected: "nothing: it is not supported yet" })),
    });
}
/** The definition of a flow with its condition read. Throws `invalid_condition` or `unprocessable` with the place. */
export function readDefinition(input, checkActionHeaders) {
    const { action, trigger } = input;
    if (action.type === "http") {
        checkUrl(action.url);
        const details = checkActionHeaders(action.headers ?? {});
        if (details.length > 0) {
            const sentence = details.map(({ field, message, expected }) => `${field} ${message ?? `must be ${expected}`}`);
            throw new HeadraceError("unprocessable", `The action cannot send this: ${sentence.join("; ")}`, { details });
        }
    }
    return asDefinition(input, trigger.where === undefined ? undefined : readCondition(trigger.where));
}
function checkUrl(text) {
    const url = URL.canParse(text) ? new URL(text) : undefined;
    const flaw = url === undefined || !/^https?:$/.test(url.protocol)
        ? "an absolute http or https URL"
        : url.username !== "" || url.password !== ""
            ? "a URL without a user and password: send those in a header"
            : undefined;
    if (flaw === undefined)
        return;
    throw new HeadraceError("unprocessable", `action.url must be ${flaw}`, {
        details: [{ field: "action.url", expected: flaw, got: "string" }],
    });
}
//# sourceMappingURL=flow-input.js.map