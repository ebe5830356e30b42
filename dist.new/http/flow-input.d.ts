import type { Static } from "typebox";
import { type ErrorDetail } from "../domain/errors.ts";
import type { FlowDefinition } from "../domain/flow.ts";
import { type FlowInput } from "./schemas/flow.ts";
/** Says which headers an action may not set, and why; the stage that executes is the judge. */
export type CheckActionHeaders = (headers: Readonly<Record<string, string>>) => ErrorDetail[];
/** Throws `unprocessable` for what this version of Headrace cannot do yet. Takes anything: it comes before validation. */
export declare function refuseLaterFields(body: unknown): void;
/** The definition of a flow with its condition read. Throws `invalid_condition` or `unprocessable` with the place. */
export declare function readDefinition(input: Static<typeof FlowInput>, checkActionHeaders: CheckActionHeaders): FlowDefinition;
