import type { Handler } from "../pipeline/execute/code-action.ts";
/**
 * The handlers of the JavaScript files in the flows folder, by id; none when the folder does not exist. A file
 * whose default export is no `defineFlow` result, or repeats an id, stops the start and is named.
 */
export declare function loadHandlers(folder: string): Promise<Map<string, Handler>>;
