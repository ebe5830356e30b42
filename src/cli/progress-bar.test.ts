import { expect, test } from "vitest";
import { barOf, createProgress } from "./progress-bar.ts";

test("the progress bar shows the done part and the numbers", () => {
  expect(barOf(0, 4)).toBe(`[${" ".repeat(30)}] 0/4`);
  expect(barOf(2, 4)).toBe(`[${"=".repeat(15)}${" ".repeat(15)}] 2/4`);
  expect(barOf(5, 4)).toBe(`[${"=".repeat(30)}] 5/4`);
  expect(barOf(0, 0)).toBe(`[${"=".repeat(30)}] 0/0`);
});

test("progress overwrites one line on a terminal and prints one line per change elsewhere", () => {
  const written: string[] = [];
  const stream = (isTTY: boolean) =>
    ({ isTTY, write: (text: string) => written.push(text) }) as unknown as NodeJS.WriteStream;
  for (const isTTY of [true, false]) {
    const progress = createProgress(stream(isTTY));
    for (const text of ["a", "a", "b"]) progress.show(text);
    progress.end();
  }
  expect(written).toEqual(["\r\u001b[2Ka", "\r\u001b[2Kb", "\n", "a\n", "b\n"]);
});
