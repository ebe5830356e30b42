import { HeadraceError } from "../domain/errors.ts";

/** Starts to listen and returns the URL. Throws `invalid_setting` if the address cannot be used. */
export async function listen(
  server: { listen(options: { port: number; host: string }): Promise<string> },
  host: string,
  { setting, port }: { setting: "PORT" | "HEADRACE_METRICS_PORT"; port: number },
): Promise<string> {
  try {
    return await server.listen({ port, host });
  } catch (cause) {
    const flaw = LISTEN_FLAWS[(cause as NodeJS.ErrnoException).code ?? ""];
    if (flaw === undefined) throw cause;
    const { code } = cause as NodeJS.ErrnoException;
    throw new HeadraceError(
      "invalid_setting",
      `Cannot listen at ${host}, port ${port}: ${flaw} (${code}); set ${setting} or HOST`,
      {
        cause,
      },
    );
  }
}

const LISTEN_FLAWS: Record<string, string> = {
  EADDRINUSE: "another process listens there",
  EACCES: "this user may not",
  EADDRNOTAVAIL: "this machine has no such address",
  ENOTFOUND: "the name has no address",
};
