import { HeadraceError } from "../domain/errors.ts";
import { type PostgresSetting, tryPostgres } from "./prepare-postgres.ts";

/** Connects once, as `tryPostgres` does; throws `store_unavailable` where trying again may help. */
export async function reachPostgres(url: string, setting: PostgresSetting): Promise<string> {
  try {
    return await tryPostgres(url, setting);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof HeadraceError) throw error;
    const reason = error.message || (error as { code?: string }).code;
    throw new HeadraceError("store_unavailable", `${setting}: PostgreSQL does not answer: ${reason}`, {
      cause: error,
    });
  }
}
