import { HeadraceError } from "../domain/errors.ts";
import { errorMessage } from "../runtime/error-message.ts";
import { type PostgresSetting, tryPostgres } from "./prepare-postgres.ts";

/** Connects once, as `tryPostgres` does, but throws `store_unavailable` for a temporary fault. */
export async function reachPostgres(url: string, setting: PostgresSetting): Promise<string> {
  try {
    return await tryPostgres(url, setting);
  } catch (error) {
    if (!(error instanceof Error) || error instanceof HeadraceError) throw error;
    throw new HeadraceError(
      "store_unavailable",
      `${setting}: PostgreSQL does not answer: ${errorMessage(error)}`,
      {
        cause: error,
      },
    );
  }
}
