import pg from "pg";
import type { Statement } from "./database.ts";

/**
 * Makes a statement of a template. Each interpolated value becomes a parameter, numbered in the order of the text;
 * another `sql` value is inserted as it is, with its own parameters. A text that is trusted and no value is inserted
 * by `sql.raw`, a constant by `sql.literal`. A statement can be interpolated, sent as it is, or `prepared` under a name.
 *
 * The text of a template is put together once: each call only collects the values.
 */
export function sql(strings: TemplateStringsArray, ...values: readonly unknown[]): Sql {
  const parameters: unknown[] = [];
  const order: number[] = [];
  const nested: (Template | undefined)[] = [];
  for (const value of values) {
    if (value instanceof Sql) {
      nested.push(value.template);
      for (const index of value.template.order) order.push(numberOf(parameters, value.parameters[index]));
    } else {
      nested.push(undefined);
      order.push(numberOf(parameters, value));
    }
  }
  return new Sql(templateOf(strings, nested, order), parameters);
}

/** Inserts trusted text: a name of a table, a condition that a function puts together. Never input. */
sql.raw = (text: string): Sql => {
  let template = rawTemplates.get(text);
  if (template === undefined) {
    template = { pieces: [text], order: [], text };
    if (rawTemplates.size < MAX_RAW_TEXTS) rawTemplates.set(text, template);
  }
  return new Sql(template, []);
};

/** Inserts a constant as a quoted literal, where a parameter would hide it from the planner: a partial index needs it. */
sql.literal = (constant: string): Sql => sql.raw(pg.escapeLiteral(constant));

/** Joins parts or values by a separator; at least one. */
sql.join = (parts: readonly unknown[], separator: string): Sql =>
  sql(separators(parts.length, separator), ...parts);

/** The columns and values of a row to be inserted: `(a, b) VALUES ($1, $2)`. */
sql.row = (row: Readonly<Record<string, unknown>>): Sql =>
  sql`(${sql.raw(Object.keys(row).join(", "))}) VALUES (${sql.join(Object.values(row), ", ")})`;

/** The assignments of an update: `a = $1, b = $2`. */
sql.assignments = (row: Readonly<Record<string, unknown>>): Sql =>
  sql.join(
    Object.entries(row).map(([column, value]) => sql`${sql.raw(column)} = ${value}`),
    ", ",
  );

/** A value that a statement uses several times and sends once: each use has the same number. */
export class Parameter {
  readonly value: unknown;

  constructor(value: unknown) {
    this.value = value;
  }
}

/** A statement, or a part of one, with its values. */
export class Sql implements Statement {
  readonly template: Template;
  readonly parameters: readonly unknown[];

  constructor(template: Template, parameters: readonly unknown[]) {
    this.template = template;
    this.parameters = parameters;
  }

  get text(): string {
    return this.template.text;
  }

  get values(): unknown[] {
    return this.parameters.map((value) => (value instanceof Parameter ? value.value : value));
  }
}

/**
 * Names a statement, so that each connection prepares it once. A name has one text for as long as the process runs:
 * throws where a second text takes it, which PostgreSQL would refuse on some connections only.
 */
export function prepared(name: string, { text, values }: Sql): Statement {
  const known = textsByName.get(name);
  if (known === undefined) textsByName.set(name, text);
  else if (known !== text) throw new Error(`The prepared statement ${name} has two texts`);
  return { name, text, values };
}

const textsByName = new Map<string, string>();

/** The text of a statement: the pieces between its parameters, and which parameter stands in each gap, from 0. */
export interface Template {
  readonly pieces: readonly string[];
  readonly order: readonly number[];
  readonly text: string;
}

/** A template with the parts that were interpolated into it. */
interface Variant {
  readonly nested: readonly (Template | undefined)[];
  readonly template: Template;
}

/** By call site: the array of strings of a tagged template is the same object at each call. */
const variantsOf = new WeakMap<TemplateStringsArray, Variant[]>();

/** A call site with more different parts than this puts its text together at each call. */
const MAX_VARIANTS = 16;

/** The strings around so many parts, as of a tagged template: the same array each time. */
function separators(parts: number, separator: string): TemplateStringsArray {
  const key = `${parts}${separator}`;
  let strings = separatorsByKey.get(key);
  if (strings === undefined) {
    const texts = ["", ...Array<string>(parts - 1).fill(separator), ""];
    strings = Object.assign(texts, { raw: texts });
    separatorsByKey.set(key, strings);
  }
  return strings;
}

const separatorsByKey = new Map<string, TemplateStringsArray>();

const rawTemplates = new Map<string, Template>();
const MAX_RAW_TEXTS = 1_000;

/** Returns the index of a value among the parameters, and adds it where it is not a shared one that is there. */
function numberOf(parameters: unknown[], value: unknown): number {
  if (value instanceof Parameter) {
    const index = parameters.indexOf(value);
    if (index >= 0) return index;
  }
  return parameters.push(value) - 1;
}

function templateOf(
  strings: TemplateStringsArray,
  nested: readonly (Template | undefined)[],
  order: readonly number[],
): Template {
  const variants = variantsOf.get(strings) ?? [];
  const known = variants.find((one) => isSame(one.nested, nested) && isSame(one.template.order, order));
  if (known !== undefined) return known.template;
  const template = newTemplate(strings, nested, order);
  if (variants.length < MAX_VARIANTS) variantsOf.set(strings, [...variants, { nested, template }]);
  return template;
}

function newTemplate(
  strings: readonly string[],
  nested: readonly (Template | undefined)[],
  order: readonly number[],
): Template {
  const pieces = [strings[0] ?? ""];
  const append = (text: string) => pieces.push(`${pieces.pop()}${text}`);
  for (const [index, part] of nested.entries()) {
    if (part === undefined) {
      pieces.push("");
    } else {
      append(part.pieces[0] ?? "");
      pieces.push(...part.pieces.slice(1));
    }
    append(strings[index + 1] ?? "");
  }
  const text = pieces.reduce((all, piece, index) => `${all}$${(order[index - 1] ?? 0) + 1}${piece}`);
  return { pieces, order, text };
}

function isSame<Item>(left: readonly Item[], right: readonly Item[]): boolean {
  return left.length === right.length && left.every((item, index) => item === right[index]);
}
