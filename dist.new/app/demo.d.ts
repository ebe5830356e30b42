import type { Config } from "./config.ts";
import type { Running } from "./start.ts";
/** Where the demo's flows send to: a route of this very process, there with the demo alone. */
export declare const DEMO_SINK_PATH = "/demo/sink";
/**
 * Seeds the demo into a database that has no tenant yet, over the API as any client would, and answers the lines
 * that tell a newcomer what to do. A database with tenants is left alone.
 */
export declare function seedDemo(running: Running, config: Config): Promise<string[]>;
