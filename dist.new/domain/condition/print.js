/** The text of a checked condition; parsing it gives the same tree. */
export function printCondition(condition) {
    switch (condition.op) {
        case "and":
            return condition.conditions.map((one) => inGroup(one, ["and", "or"])).join(" and ");
        case "or":
            return condition.conditions.map((one) => inGroup(one, ["or"])).join(" or ");
        case "not":
            return `not ${inGroup(condition.condition, ["and", "or"])}`;
        default:
            return printLeaf(condition);
    }
}
/** `and` binds tighter than `or`, and `not` than both. */
function inGroup(condition, looser) {
    return looser.includes(condition.op) ? `(${printCondition(condition)})` : printCondition(condition);
}
function printLeaf({ op, path, value, ignoreCase }) {
    const words = [typeof path === "string" ? path : JSON.stringify(path), op];
    if (value !== undefined)
        words.push(Array.isArray(value) ? `[${value.map(printValue).join(", ")}]` : printValue(value));
    if (ignoreCase)
        words.push("ignoreCase");
    return words.join(" ");
}
function printValue(value) {
    // JSON has no -0, which equals 0 wherever it is compared.
    return JSON.stringify(value);
}
//# sourceMappingURL=print.js.map