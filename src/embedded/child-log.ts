import { closeSync, copyFileSync, fstatSync, ftruncateSync, openSync, readSync } from "node:fs";

/** The interval of the size check, ms. */
const CHECK_MS = 5_000;
const MAX_BYTES = 5 * 1_048_576;
const TAIL_BYTES = 2_000;

/** A log file that a child process appends to, so that its output outlives this process. */
export interface ChildLog {
  /** The descriptor for standard output and error of the child. */
  readonly fd: number;
  /** Returns the output since the log was opened, at most its last 2,000 bytes. */
  tail(): string;
  close(): void;
}

/** Opens the log. A log above 5 MiB is moved to `<file>.1`; the size is checked every 5 s. */
export function openChildLog(file: string): ChildLog {
  const fd = openSync(file, "a+", 0o600);
  const openedAt = fstatSync(fd).size;
  rotateIfLarge();
  const timer = setInterval(rotateIfLarge, CHECK_MS).unref();

  /** Copies and truncates the file rather than renaming it, because the child keeps its descriptor. */
  function rotateIfLarge(): void {
    if (fstatSync(fd).size <= MAX_BYTES) return;
    copyFileSync(file, `${file}.1`);
    ftruncateSync(fd);
  }
  return {
    fd,
    tail() {
      const { size } = fstatSync(fd);
      const from = Math.max(size - TAIL_BYTES, size < openedAt ? 0 : openedAt);
      const bytes = Buffer.alloc(size - from);
      readSync(fd, bytes, 0, bytes.length, from);
      return bytes.toString().trim();
    },
    close() {
      clearInterval(timer);
      closeSync(fd);
    },
  };
}
