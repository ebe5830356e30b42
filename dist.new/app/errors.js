export { HeadraceError } from "../domain/errors.js";
//# sourceMappingURL=errors.js.map