import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToolForStatus } from "./run.mjs";

/** Runs the tests, and ends with one line that counts them; the exit code tells whether all is green. */
export async function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), "headrace-report-"));
  const file = join(folder, "report.json");
  try {
    const reporters = ["--reporter=default", "--reporter=json", `--outputFile.json=${file}`];
    const status = await runToolForStatus("vitest", ["run", ...reporters, ...args]);
    const { passed, failed, skipped } = count(file, status);
    console.log(`\n${passed} passed, ${failed} failed, ${skipped} skipped`);
    process.exitCode = status === 0 && failed > 0 ? 1 : status;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function count(file, status) {
  const report = readReport(file);
  // A file that does not load has failed, and has no tests to say so.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((one) => one.status !== "failed"),
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    // Whatever else made the run red, such as an error that no test caught, counts as one.
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** A run that died wrote none. */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { testResults: [], numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
}
