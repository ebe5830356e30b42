export { HeadraceError } from "../domain/errors.ts";
