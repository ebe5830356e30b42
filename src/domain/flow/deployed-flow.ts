import type { RoutedDefinition } from "./flow.ts";

/** A flow that an event starts, at the version that routing chose. */
export interface MatchedFlow {
  flowId: string;
  version: number;
  /** The definition without its action, which routing does not need. */
  definition: RoutedDefinition;
}

/** A version of a tenant's flow that is, or was, deployed. */
export interface DeployedFlow extends MatchedFlow {
  tenantId: string;
}
