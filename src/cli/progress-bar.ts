const WIDTH = 30;

/** A bar with what was done of what there is: `[=====     ] 17/100`. Pure. */
export function barOf(done: number, of: number): string {
  const share = of === 0 ? 1 : Math.min(1, done / of);
  const filled = Math.round(share * WIDTH);
  return `[${"=".repeat(filled)}${" ".repeat(WIDTH - filled)}] ${done}/${of}`;
}

/**
 * Shows how far something is: one line that is written over on a terminal, and elsewhere a line each time that the text
 * is another. Goes to standard error, so that what a command prints stays its own.
 */
export function createProgress(out: NodeJS.WriteStream): { show(text: string): void; end(): void } {
  let last = "";
  return {
    show(text) {
      if (text === last) return;
      last = text;
      out.write(out.isTTY ? `\r\x1b[2K${text}` : `${text}\n`);
    },
    end() {
      if (out.isTTY && last !== "") out.write("\n");
    },
  };
}
