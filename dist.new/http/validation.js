import { Compile } from "typebox/compile";
import { Value } from "typebox/value";
import { HeadraceError } from "../domain/errors.js";
/**
 * Validates every part of a request with TypeBox itself, so that types, validation and OpenAPI come from one schema.
 * Bodies are taken as they are: nothing is converted, filled in or dropped. Of path and query, which are text, whole
 * numbers are read where the schema wants an integer. What does not fit is an `invalid_request` that names each field.
 */
export const compileValidator = ({ schema, httpPart }) => {
    const validator = Compile(schema);
    return (value) => {
        const read = httpPart === "body" ? value : readIntegers(schema, value);
        if (validator.Check(read))
            return { value: read };
        return { error: invalidInput(httpPart ?? "body", schema, read) };
    };
};
function readIntegers(schema, value) {
    if (!isRecord(value))
        return value;
    const properties = propertiesOf(schema);
    return Object.fromEntries(Object.entries(value).map(([name, text]) => {
        const isInteger = properties[name]?.type === "integer";
        return [name, isInteger && typeof text === "string" && WHOLE.test(text) ? Number(text) : text];
    }));
}
const WHOLE = /^-?\d{1,15}$/;
function invalidInput(part, schema, value) {
    const meant = narrow(schema, value);
    const details = Value.Errors(meant, value).flatMap((error) => detailsOf(meant, value, error));
    const sentences = details.map(({ field, expected, got }) => `${field}: expected ${expected}, got ${got}`);
    const name = { querystring: "query", params: "path" }[part] ?? part;
    return new HeadraceError("invalid_request", `The ${name} is not valid. ${sentences.join("; ")}`, { details });
}
/**
 * The schema with each choice replaced by the branch that the value means, so that an error is told about that branch
 * alone. A choice that the value tells nothing about stays.
 */
function narrow(schema, value) {
    const { anyOf, properties } = schema;
    if (anyOf !== undefined) {
        const branches = anyOf.filter((branch) => means(branch, value));
        return branches.length === 1 ? narrow(branches[0], value) : schema;
    }
    if (properties === undefined || !isRecord(value))
        return schema;
    const narrowed = Object.entries(properties).map(([name, property]) => [name, narrow(property, value[name])]);
    return { ...schema, properties: Object.fromEntries(narrowed) };
}
/** True when the value is of the branch's kind and no field of it that is a constant there says otherwise. */
function means(branch, value) {
    if (kindOf(value) !== branch.type)
        return false;
    return Object.entries(propertiesOf(branch)).every(([name, property]) => !("const" in property) || (isRecord(value) && value[name] === property.const));
}
function detailsOf(schema, value, error) {
    // Each branch's own failures say less than the choice, and the fields that are too many come as one error besides.
    if (error.schemaPath.includes("/anyOf/") || error.keyword === "boolean")
        return [];
    const field = (path) => path.slice(1).replaceAll("/", ".") || "body";
    if (error.keyword === "required") {
        return error.params.requiredProperties.map((name) => ({
            field: field(`${error.instancePath}/${name}`),
            expected: describe(propertiesOf(schemaAt(schema, error.schemaPath))[name]),
            got: "nothing",
        }));
    }
    if (error.keyword === "additionalProperties") {
        const known = Object.keys(propertiesOf(schemaAt(schema, error.schemaPath))).join(", ");
        return error.params.additionalProperties.map((name) => ({
            field: field(`${error.instancePath}/${name.slice(0, 100)}`),
            expected: known === "" ? "another name" : `no field but ${known}`,
            got: "an unknown field",
        }));
    }
    const got = kindOf(Value.Pointer.Get(value, error.instancePath));
    const stated = describe(schemaAt(schema, error.schemaPath));
    return [{ field: field(error.instancePath), expected: stated, got }];
}
/** What a schema admits, in words: its own, or those of the keyword that says most. */
function describe(schema) {
    const { description, enum: values, const: value, type, anyOf, ...bounds } = (schema ?? {});
    if (description !== undefined)
        return description;
    if (values !== undefined)
        return `one of ${values.join(", ")}`;
    if (value !== undefined)
        return JSON.stringify(value);
    if (anyOf !== undefined)
        return anyOf.map(describe).join(" or ");
    const limits = Object.entries(bounds).filter(([keyword]) => keyword in BOUNDS);
    const words = limits.map(([keyword, limit]) => `${BOUNDS[keyword]} ${limit}`);
    return [type ?? "a value", ...words].join(", ");
}
const BOUNDS = {
    minimum: "at least",
    maximum: "at most",
    minLength: "characters at least",
    maxLength: "characters at most",
    minItems: "items at least",
    maxItems: "items at most",
    maxProperties: "fields at most",
};
function schemaAt(schema, path) {
    return Value.Pointer.Get(schema, path.slice(1));
}
function propertiesOf(schema) {
    return schema.properties ?? {};
}
function isRecord(value) {
    return typeof value === "object" && value !== null && !Array.isArray(value);
}
/** The kind of a value, as JSON Schema names it; never the value itself, which may be a secret. */
function kindOf(value) {
    if (value === null || value === undefined)
        return "null";
    return Array.isArray(value) ? "array" : typeof value;
}
//# sourceMappingURL=validation.js.map