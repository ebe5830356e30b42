import { familyOf } from "../../src/embedded/processes.ts";

/** Pauses the processes of a store, with their connections open, and returns the function that resumes them. */
export function freeze(store: { readonly pid: number }): () => void {
  // The first process is the guardian, which goes on.
  const [, ...family] = familyOf(store.pid);
  for (const pid of family) process.kill(pid, "SIGSTOP");
  return () => {
    for (const pid of family) process.kill(pid, "SIGCONT");
  };
}
