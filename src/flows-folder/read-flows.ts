import { readFile } from "node:fs/promises";
import { basename, extname } from "node:path";
import { HeadraceError } from "../domain/errors.ts";
import type { FlowDefinition } from "../domain/flow/flow.ts";
import { readJson } from "../domain/json/parse-text.ts";
import type { HostStart } from "../flow-host/host-start.ts";
import { createModuleInspector, type InspectBounds } from "../flow-host/inspect-modules.ts";
import { EXACT_FLOW_FIELDS, readDefinition } from "../http/flows/flow-input.ts";
import { FlowInput } from "../http/flows/flow-schema.ts";
import { withPlainFields } from "../http/server/exact-bodies.ts";
import { compileValidator } from "../http/server/validation.ts";
import { checkActionHeaders } from "../pipeline/execute/actions/http-action.ts";
import type { FlowOptions } from "../sdk/index.ts";
import { definitionOf } from "./code-flows.ts";
import { createFlowCompiler } from "./compile-flow.ts";
import { listFlowFiles } from "./flow-files.ts";

/** A flow in a file of the folder. */
export interface FlowFile {
  file: string;
  id: string;
  /** The body of a PUT of the flow; undefined for a file with a handler and no trigger. */
  input: unknown;
  /** The definition that the API stores for this input. */
  definition: FlowDefinition | undefined;
}

/**
 * Reads and validates all flows of a folder, in code and in JSON. The id of a JSON flow defaults to the name of its file.
 * Throws `invalid_request` or `invalid_setting` for the first invalid file.
 */
export async function readFlows(
  folder: string,
  start: HostStart,
  bounds: InspectBounds,
): Promise<FlowFile[]> {
  const files = await listFlowFiles(folder);
  if (files.length === 0) throw new HeadraceError("invalid_request", `${folder} holds no flows`);
  const compiler = createFlowCompiler();
  const inspector = createModuleInspector({ ...start, bounds });
  const flows: FlowFile[] = [];
  try {
    for (const file of files) {
      const read = extname(file) === ".json" ? await readJsonFlow(file) : await readCode(file);
      if (read === undefined) continue;
      const { id, input } = read;
      const other = flows.find((flow) => flow.id === id);
      if (other !== undefined) throw bad(file, `${other.file} defines the flow ${id} too`);
      flows.push({ file, id, input, definition: input === undefined ? undefined : check(file, input) });
    }
  } finally {
    await Promise.all([compiler.rest(), inspector.rest()]);
  }
  return flows;

  /** Reads a flow in code. Returns undefined for a source, which is not stored for a tenant. */
  async function readCode(file: string): Promise<{ id: string; input: unknown } | undefined> {
    const definition = await definitionOf(inspector, await compiler.compile(file));
    if (definition.kind === "source") return undefined;
    const { id } = definition;
    const options = definition.options as Partial<FlowOptions> | undefined;
    if (options?.trigger === undefined) return { id, input: undefined };
    const { id: _id, ...rest } = options;
    return { id, input: { ...rest, action: { type: "code", handler: id } } };
  }
}

async function readJsonFlow(file: string): Promise<{ id: string; input: unknown }> {
  try {
    const {
      id = basename(file, ".json"),
      $schema: _schema,
      ...input
    } = withPlainFields(readJson(await readFile(file, "utf8")), EXACT_FLOW_FIELDS) as {
      id?: string;
      $schema?: unknown;
    };
    return { id, input };
  } catch (error) {
    throw bad(file, (error as Error).message);
  }
}

const validate = compileValidator({ schema: FlowInput, method: "PUT", url: "", httpPart: "body" });

function check(file: string, input: unknown): FlowDefinition {
  try {
    const { value, error } = validate(input) as { value?: unknown; error?: Error };
    if (error !== undefined) throw error;
    return readDefinition(value as Parameters<typeof readDefinition>[0], {
      checkActionHeaders,
      refusedTarget: () => undefined,
    });
  } catch (error) {
    throw bad(file, (error as Error).message);
  }
}

function bad(file: string, message: string): HeadraceError {
  return new HeadraceError("invalid_request", `${file}: ${message}`);
}
