import { pathKeys, valuesAt } from "./path.js";
/**
 * Makes a predicate of a checked condition. It never throws, and reads own properties only. Values are equal when
 * they have one type and are the same; no condition holds a number that a double cannot hold exactly, so that an
 * event's number beyond those equals none.
 */
export function compileCondition(condition) {
    switch (condition.op) {
        case "and": {
            const all = condition.conditions.map(compileCondition);
            return (subject) => all.every((holds) => holds(subject));
        }
        case "or": {
            const any = condition.conditions.map(compileCondition);
            return (subject) => any.some((holds) => holds(subject));
        }
        case "not": {
            const holds = compileCondition(condition.condition);
            return (subject) => !holds(subject);
        }
        default:
            return compileLeaf(condition);
    }
}
function compileLeaf(leaf) {
    const keys = pathKeys(leaf.path);
    const seen = valuesOf(keys);
    const some = (test) => (subject) => seen(subject).some(test);
    const none = (test) => (subject) => {
        const values = seen(subject);
        return values.length > 0 && !values.some(test);
    };
    const { value } = leaf;
    switch (leaf.op) {
        case "eq":
            return some((one) => one === value);
        case "neq":
            return none((one) => one === value);
        case "in":
            return some(among(value));
        case "nin":
            return none(among(value));
        case "gt":
        case "gte":
        case "lt":
        case "lte":
            return some(compileOrder(leaf.op, value));
        case "contains":
        case "startsWith":
        case "endsWith":
            return some(compileText(leaf.op, value, leaf.ignoreCase === true));
        case "exists":
            return value === false
                ? (subject) => seen(subject).length === 0
                : (subject) => seen(subject).length > 0;
        case "changed": {
            const pointer = pointerOf(keys);
            return ({ changes = {} }) => Object.keys(changes).some((key) => key === pointer || key.startsWith(`${pointer}/`));
        }
        case "changedFrom":
            return ({ changes }) => changeAt(changes, keys)?.from === value;
        case "changedTo":
            return ({ changes }) => changeAt(changes, keys)?.to === value;
    }
}
/** What a path reaches: the event's data, or one of the roots that begin with a dollar sign. */
export function valuesOf(keys) {
    switch (keys[0]) {
        case "$event":
            return (subject) => valuesAt(subject.event, keys, 1);
        case "$headers":
            return (subject) => valuesAt(subject.headers, keys, 1);
        case "$changes":
            return (subject) => valuesAt(subject.changes, keys, 1);
        default:
            return (subject) => valuesAt(subject.data, keys);
    }
}
function among(list) {
    const set = new Set(list);
    return (seen) => set.has(seen);
}
function compileOrder(op, value) {
    const bound = typeof value === "number" ? value : (instantMs(value) ?? Number.NaN);
    const read = (seen) => {
        if (typeof value === "number")
            return typeof seen === "number" ? seen : Number.NaN;
        return typeof seen === "string" ? (instantMs(seen) ?? Number.NaN) : Number.NaN;
    };
    switch (op) {
        case "gt":
            return (seen) => read(seen) > bound;
        case "gte":
            return (seen) => read(seen) >= bound;
        case "lt":
            return (seen) => read(seen) < bound;
        case "lte":
            return (seen) => read(seen) <= bound;
    }
}
const RFC_3339 = /^\d{4}-\d{2}-\d{2}[Tt]\d{2}:\d{2}:\d{2}(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;
/** Milliseconds of an RFC 3339 time with a zone; undefined for anything else. */
export function instantMs(text) {
    if (!RFC_3339.test(text))
        return undefined;
    const ms = Date.parse(text.toUpperCase());
    return Number.isNaN(ms) ? undefined : ms;
}
function compileText(op, value, ignoreCase) {
    const fold = (text) => (ignoreCase ? text.toLowerCase() : text);
    const needle = fold(value);
    switch (op) {
        case "contains":
            return (seen) => typeof seen === "string" && fold(seen).includes(needle);
        case "startsWith":
            return (seen) => typeof seen === "string" && fold(seen).startsWith(needle);
        case "endsWith":
            return (seen) => typeof seen === "string" && fold(seen).endsWith(needle);
    }
}
function changeAt(changes, keys) {
    const pointer = pointerOf(keys);
    return changes !== undefined && Object.hasOwn(changes, pointer) ? changes[pointer] : undefined;
}
/** RFC 6901. */
function pointerOf(keys) {
    return keys.map((key) => `/${key.replaceAll("~", "~0").replaceAll("/", "~1")}`).join("");
}
//# sourceMappingURL=compile.js.map