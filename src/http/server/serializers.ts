import selectCompiler from "@fastify/fast-json-stringify-compiler";
import { withExactNumbers } from "../../domain/json/exact-number.ts";

type Build = ReturnType<typeof selectCompiler>;
type Compile = ReturnType<Build>;
type Serialize = ReturnType<Compile>;

const build = selectCompiler();

/**
 * Creates compilers of response serializers. Each serializer is compiled with the first response, once for equal
 * schemas: compiling all of them at startup would block the process for seconds. Numbers of events keep the digits that
 * came.
 */
export const buildSerializers: Build = (shared, options) => {
  const compiled = new Map<string, Serialize>();
  const compile: Compile = (route) => {
    const schemaText = JSON.stringify(route.schema);
    const serialize =
      compiled.get(schemaText) ??
      build(referredTo(route.schema, shared as Record<string, unknown>), options)(route);
    compiled.set(schemaText, serialize);
    return serialize;
  };
  return (route) => {
    let serialize: Serialize | undefined;
    return (answer) => {
      serialize ??= compile(route);
      const write = serialize;
      return withExactNumbers(() => write(answer));
    };
  };
};

/**
 * Returns the shared schemas that a schema references, also indirectly. The compiler validates each one it is given.
 */
function referredTo(schema: unknown, shared: Record<string, unknown>): Record<string, unknown> {
  const found: Record<string, unknown> = {};
  const pending = [schema];
  while (pending.length > 0) {
    const one = pending.pop();
    if (typeof one !== "object" || one === null) continue;
    pending.push(...Object.values(one));
    const { $ref } = one as { $ref?: unknown };
    const id = typeof $ref === "string" ? ($ref.split("#", 1)[0] as string) : "";
    if (!Object.hasOwn(shared, id) || Object.hasOwn(found, id)) continue;
    found[id] = shared[id];
    pending.push(shared[id]);
  }
  return found;
}
