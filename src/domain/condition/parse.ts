import { HeadraceError } from "../errors.ts";
import { type ExactNumber, numberOf } from "../json/exact-number.ts";
import type { Condition, LeafOperator } from "./ast.ts";
import { canonicalPath, isKeyword, pathKeys } from "./path.ts";

/** Longer text is refused unread. */
const MAX_CHARACTERS = 32_768;

/** Most nested parentheses and `not`s, since the parser recurses. */
const MAX_NESTING = 32;

/**
 * Parses the text form of a condition, such as
 * `status eq "completed" and (total gt 100 or not email contains "@company.com" ignoreCase)`. A path is dotted text or a
 * list of keys: `["order id", "x"] exists`. `exists false` tests for absence. Throws `invalid_condition` with the offset
 * and the expected syntax. The tree itself is checked by `readCondition`.
 */
export function parseCondition(text: string): Condition {
  if (text.length > MAX_CHARACTERS) fail(text, MAX_CHARACTERS, `at most ${MAX_CHARACTERS} characters`);
  const tokens = tokenize(text);
  const parser = new Parser(text, tokens);
  const condition = parser.or(0);
  parser.end();
  return condition;
}

interface Token {
  kind: "word" | "string" | "number" | "mark";
  text: string;
  at: number;
}

const TOKEN =
  /\s*(?:(?<string>"(?:[^"\\]|\\.)*")|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\w$@.\\-]))|(?<word>(?:[A-Za-z0-9_$@.-]|\\\.)+)|(?<mark>[()[\],]))/y;

function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  TOKEN.lastIndex = 0;
  while (text.slice(TOKEN.lastIndex).trim() !== "") {
    const from = TOKEN.lastIndex;
    const match = TOKEN.exec(text);
    if (match === null)
      fail(text, from + (/\S/.exec(text.slice(from))?.index ?? 0), "a path, an operator or a value");
    const [kind, found] = Object.entries(match.groups ?? {}).find(([, group]) => group !== undefined) as [
      Token["kind"],
      string,
    ];
    tokens.push({ kind, text: found, at: TOKEN.lastIndex - found.length });
  }
  return tokens;
}

const OPERATORS = new Map<string, LeafOperator>(
  (
    [
      "eq",
      "neq",
      "gt",
      "gte",
      "lt",
      "lte",
      "in",
      "nin",
      "contains",
      "startsWith",
      "endsWith",
      "exists",
      "changed",
      "changedFrom",
      "changedTo",
    ] as const
  ).map((op) => [op.toLowerCase(), op]),
);

class Parser {
  readonly #text: string;
  readonly #tokens: Token[];
  #next = 0;

  constructor(text: string, tokens: Token[]) {
    this.#text = text;
    this.#tokens = tokens;
  }

  or(depth: number): Condition {
    return this.#list("or", () => this.#and(depth));
  }

  #and(depth: number): Condition {
    return this.#list("and", () => this.#unary(depth));
  }

  #list(op: "and" | "or", part: () => Condition): Condition {
    const conditions = [part()];
    while (this.#takeWord(op)) conditions.push(part());
    return conditions.length === 1 ? (conditions[0] as Condition) : { op, conditions };
  }

  #unary(depth: number): Condition {
    if (depth > MAX_NESTING) this.#fail(`parentheses that nest at most ${MAX_NESTING} deep`);
    if (this.#takeWord("not")) return { op: "not", condition: this.#unary(depth + 1) };
    if (!this.#takeMark("(")) return this.#leaf();
    const condition = this.or(depth + 1);
    if (!this.#takeMark(")")) this.#fail('")", "and" or "or"');
    return condition;
  }

  #leaf(): Condition {
    const path = this.#path();
    const word = this.#tokens[this.#next];
    const op = word?.kind === "word" ? OPERATORS.get(word.text.toLowerCase()) : undefined;
    if (op === undefined) this.#fail(`an operator (${[...OPERATORS.values()].join(", ")})`);
    this.#next += 1;
    if (op === "changed") return { op, path };
    if (op === "exists") return this.#takeWord("false") ? { op, path, value: false } : this.#existing(path);
    const value = op === "in" || op === "nin" ? this.#values() : this.#value();
    return this.#takeWord("ignorecase") ? { op, path, value, ignoreCase: true } : { op, path, value };
  }

  #existing(path: string | string[]): Condition {
    this.#takeWord("true");
    return { op: "exists", path };
  }

  #path(): string | string[] {
    const token = this.#tokens[this.#next];
    if (token?.text === "[") return canonicalPath(this.#values().map((key) => String(key)));
    if (token === undefined || token.kind === "string" || token.kind === "mark" || isKeyword(token.text))
      this.#fail("a path");
    this.#next += 1;
    return canonicalPath(pathKeys(token.text));
  }

  #values(): unknown[] {
    if (!this.#takeMark("[")) this.#fail('"[" and a list of values');
    const values: unknown[] = [];
    while (!this.#takeMark("]")) {
      if (values.length > 0 && !this.#takeMark(",")) this.#fail('"," or "]"');
      values.push(this.#value());
    }
    return values;
  }

  #value(): string | number | boolean | ExactNumber {
    const token = this.#tokens[this.#next];
    const value = token === undefined ? undefined : readValue(token);
    if (value === undefined) this.#fail("a string in double quotes, a number, true or false");
    this.#next += 1;
    return value;
  }

  end(): void {
    if (this.#next < this.#tokens.length) this.#fail('"and", "or" or the end');
  }

  #takeWord(word: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "word" || token.text.toLowerCase() !== word) return false;
    this.#next += 1;
    return true;
  }

  #takeMark(mark: string): boolean {
    const token = this.#tokens[this.#next];
    if (token?.kind !== "mark" || token.text !== mark) return false;
    this.#next += 1;
    return true;
  }

  #fail(expected: string): never {
    fail(this.#text, this.#tokens[this.#next]?.at ?? this.#text.length, expected);
  }
}

function readValue({ kind, text }: Token): string | number | boolean | ExactNumber | undefined {
  if (kind === "number") return numberOf(text);
  if (kind === "word" && /^true$/i.test(text)) return true;
  if (kind === "word" && /^false$/i.test(text)) return false;
  if (kind !== "string") return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function fail(text: string, at: number, expected: string): never {
  const rest = text.slice(at, at + 20);
  const got = rest === "" ? "the end" : JSON.stringify(rest);
  throw new HeadraceError("invalid_condition", `Expected ${expected} at character ${at + 1}, not ${got}`, {
    details: [{ field: `where[${at}]`, expected, got }],
  });
}
