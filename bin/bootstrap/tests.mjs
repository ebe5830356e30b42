import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { runToolForStatus } from "./run.mjs";

/** Runs the tests and prints one line with their numbers. Sets the exit code. */
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
  // A file that fails to load has no failed tests.
  const broken = report.testResults.filter(
    ({ status, assertionResults }) =>
      status === "failed" && assertionResults.every((one) => one.status !== "failed"),
  );
  const failed = report.numFailedTests + broken.length;
  return {
    passed: report.numPassedTests,
    // Another failure, such as an uncaught error, counts as one.
    failed: failed === 0 && status !== 0 ? 1 : failed,
    skipped: report.numPendingTests + report.numTodoTests,
  };
}

/** Reads the report, which is missing if the run crashed. */
function readReport(file) {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch {
    return { testResults: [], numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
  }
}
