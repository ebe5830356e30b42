const WIDTH = 30;

/** Returns a progress bar: `[=====     ] 17/100`. Pure. */
export function barOf(done: number, of: number): string {
  const share = of === 0 ? 1 : Math.min(1, done / of);
  const filled = Math.round(share * WIDTH);
  return `[${"=".repeat(filled)}${" ".repeat(WIDTH - filled)}] ${done}/${of}`;
}

/**
 * Creates a progress display: one line that is overwritten on a terminal, and elsewhere a new line per change. Meant for
 * standard error, apart from the output of the command.
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
