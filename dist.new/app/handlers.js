var __rewriteRelativeImportExtension = (this && this.__rewriteRelativeImportExtension) || function (path, preserveJsx) {
    if (typeof path === "string" && /^\.\.?\//.test(path)) {
        return path.replace(/\.(tsx)$|((?:\.d)?)((?:\.[^./]+?)?)\.([cm]?)ts$/i, function (m, tsx, d, ext, cm) {
            return tsx ? preserveJsx ? ".jsx" : ".js" : d && (!ext || !cm) ? m : (d + ext + "." + cm.toLowerCase() + "js");
        });
    }
    return path;
};
import { readdir } from "node:fs/promises";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { HeadraceError } from "../domain/errors.js";
/**
 * The handlers of the JavaScript files in the flows folder, by id; none when the folder does not exist. A file
 * whose default export is no `defineFlow` result, or repeats an id, stops the start and is named.
 */
export async function loadHandlers(folder) {
    const handlers = new Map();
    for (const name of await listFiles(folder)) {
        const file = resolve(folder, name);
        const { default: flow } = (await import(__rewriteRelativeImportExtension(pathToFileURL(file).href)));
        if (typeof flow?.id !== "string" || typeof flow.handler !== "function") {
            throw new HeadraceError("invalid_setting", `${file} does not export a flow: export default defineFlow(…)`);
        }
        if (handlers.has(flow.id))
            throw new HeadraceError("invalid_setting", `${file} defines the flow ${flow.id} again`);
        handlers.set(flow.id, flow.handler);
    }
    return handlers;
}
async function listFiles(folder) {
    try {
        return (await readdir(folder)).filter((name) => /\.m?js$/.test(name)).sort();
    }
    catch (error) {
        if (error.code === "ENOENT")
            return [];
        throw error;
    }
}
//# sourceMappingURL=handlers.js.map