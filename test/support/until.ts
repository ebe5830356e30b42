/** Waits until the condition holds, looking again every `everyMs`; throws, naming it, after `withinMs`. */
export async function until(
  what: string,
  holds: () => boolean | Promise<boolean>,
  { withinMs = 120_000, everyMs = 50 }: { withinMs?: number; everyMs?: number } = {},
): Promise<void> {
  const deadline = performance.now() + withinMs;
  while (!(await holds())) {
    if (performance.now() > deadline) throw new Error(`Not within ${withinMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, everyMs));
  }
}
