import { familyOf } from "../../src/embedded/processes.ts";

/** Stops the processes of a store as they are, connections and all, until the answer is called: it hangs, and is not gone. */
export function freeze(store: { readonly pid: number }): () => void {
  // The first is the guardian, which watches them.
  const [, ...family] = familyOf(store.pid);
  for (const pid of family) process.kill(pid, "SIGSTOP");
  return () => {
    for (const pid of family) process.kill(pid, "SIGCONT");
  };
}
