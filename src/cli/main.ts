#!/usr/bin/env node
import { existsSync } from "node:fs";
import { Command } from "commander";
import { HeadraceError } from "../domain/errors.ts";
import { runDlqList, runDlqReplay, runDlqShow } from "./dlq.ts";
import { runFlowsApply, runFlowsDeploy } from "./flows.ts";
import { runMigrate } from "./migrate.ts";
import { runRotateEncryption } from "./rotate-encryption.ts";
import { runSend } from "./send.ts";
import { runSourcesList, runSourcesPoll } from "./sources.ts";
import { runStart } from "./start.ts";

if (existsSync(".env")) process.loadEnvFile(".env");

const program = new Command("headrace")
  .description("The event system for integrations.")
  .showHelpAfterError();

program.command("start").description("Serve until SIGINT or SIGTERM, then drain.").action(runStart);

program
  .command("migrate")
  .description("Migrate the schema of DATABASE_URL.")
  .option("--json", "print JSON")
  .action(runMigrate);

program
  .command("keys")
  .description("Manage the keys of an installation.")
  .command("rotate-encryption")
  .description(
    "Re-encrypt every secret under the first of HEADRACE_ENCRYPTION_KEYS; safe while processes serve.",
  )
  .option("--json", "print JSON")
  .action(runRotateEncryption);

program
  .command("send <preset>")
  .description("Send a webhook, signed as the preset's provider signs it.")
  .requiredOption("--url <url>", "the endpoint's URL")
  .requiredOption(
    "--secret <secret>",
    "the secret of the endpoint, or the private key if the endpoint has a public key",
  )
  .option("--type <type>", "the event type; the default is that of the sample")
  .option("--data <json>", "the event data; the default is that of the sample")
  .option("--json", "print JSON")
  .action(runSend);

const flows = program
  .command("flows")
  .description("Store, deploy and undeploy the flows of a tenant over the API.");
const overApi = (command: Command) =>
  command
    .requiredOption("--tenant <tenant>", "the tenant")
    .option("--url <url>", "the URL of Headrace; the default is HEADRACE_PUBLIC_URL, or HOST and PORT")
    .option("--key <key>", "an API key; the default is HEADRACE_ADMIN_KEY, or that of the embedded stores")
    .option("--json", "print JSON");

overApi(flows.command("apply <folder>"))
  .description("Store and deploy every flow of a folder, in code or JSON; other flows are not changed.")
  .option("--dry-run", "print the changes without making them")
  .action(runFlowsApply);
overApi(flows.command("deploy <flow>"))
  .description("Deploy the newest version of a flow.")
  .action((flow, options) => runFlowsDeploy(flow, options, true));
overApi(flows.command("undeploy <flow>"))
  .description("Undeploy a flow.")
  .action((flow, options) => runFlowsDeploy(flow, options, false));

const sources = program.command("sources").description("List and poll the sources of a tenant.");

overApi(sources.command("ls"))
  .description("List the sources with the state of their polls.")
  .action(runSourcesList);
overApi(sources.command("poll <source>"))
  .description("Poll a source now, regardless of its back-off, or join a running poll.")
  .option("--wait", "wait for the poll and print its result")
  .action(runSourcesPoll);

const pairs = (value: string, earlier: Record<string, string>) => {
  const at = value.indexOf("=");
  // The value may be a secret, and is not repeated.
  if (at < 1)
    throw new HeadraceError("invalid_request", "Give params, credentials and secrets as name=value");
  return { ...earlier, [value.slice(0, at)]: value.slice(at + 1) };
};
program
  .command("connectors")
  .description("Try connectors.")
  .command("check <file>")
  .description(
    "Try both halves of a connector's file: validate it, sign and verify a sample, and poll the API if a param or credential is given.",
  )
  .option("--param <name=value>", "a param of a tenant's source", pairs, {})
  .option("--credential <name=value>", "a credential of a tenant's source", pairs, {})
  .option("--secret <name=value>", "a secret of the tenant, for {{secret.name}}", pairs, {})
  .option("--poll", "poll also without params and credentials")
  .option("--again", "poll twice, and print the records and fields that differ")
  .option("--type <type>", "the event type of the sample")
  .option("--data <json>", "the body of the sample; the default is the preset's")
  .option("--max-pages <count>", "the most pages that are read", "100")
  .option("--max-wait <seconds>", "the longest wait for the API's limit", "300")
  .option("--json", "print JSON")
  .action(async (file, options) => {
    const { runConnectorsCheck } = await import("./connectors.ts");
    await runConnectorsCheck(file, options);
  });

const dlq = program
  .command("dlq")
  .description("List, show and replay the dead letters of a tenant over the API.");
const filtered = (command: Command) =>
  overApi(command)
    .option("--flow <flow>", "only of this flow")
    .option("--connector <connector>", "only of this connector")
    .option("--stage <stage>", "only of this stage: normalize, route or execute")
    .option("--fingerprint <fingerprint>", "only with this fingerprint")
    .option("--since <time>", "only from this time on, RFC 3339")
    .option("--until <time>", "only before this time, RFC 3339");

filtered(dlq.command("ls"))
  .description("List dead letters, the newest first.")
  .option("--status <status>", "only with this status: pending, replayed or expired")
  .option("--limit <count>", "the maximum number", "50")
  .action(runDlqList);
overApi(dlq.command("show <id>")).description("Show one dead letter.").action(runDlqShow);
filtered(dlq.command("replay [id]"))
  .description("Replay one dead letter, or all pending ones that match the filters.")
  .option("--payload <json>", "a payload to replay instead of the original; for one dead letter")
  .option("--all", "all pending dead letters")
  .option("--rate <count>", "the maximum of replays per second, 1 to 1000; the default is 50")
  .option("--dry-run", "print the number without replaying")
  .action(runDlqReplay);

program.parseAsync().catch((error: unknown) => {
  // Expected errors are one line; unexpected ones have their stack.
  console.error(error instanceof HeadraceError ? `headrace: ${error.message}` : error);
  process.exit(1);
});
