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
  .description("Bring the schema of DATABASE_URL up to date.")
  .option("--json", "print JSON")
  .action(runMigrate);

program
  .command("keys")
  .description("Look after the keys of an installation.")
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
  .requiredOption("--secret <secret>", "the endpoint's secret, or the private key where that is a public one")
  .option("--type <type>", "the event's type, in place of the sample's")
  .option("--data <json>", "the event's data, in place of the sample's")
  .option("--json", "print JSON")
  .action(runSend);

const flows = program
  .command("flows")
  .description("Store, deploy and undeploy a tenant's flows over the API.");
const overApi = (command: Command) =>
  command
    .requiredOption("--tenant <tenant>", "whose they are")
    .option("--url <url>", "where Headrace serves; the default is HEADRACE_PUBLIC_URL, or HOST and PORT")
    .option("--key <key>", "an API key; the default is HEADRACE_ADMIN_KEY, or that of the embedded stores")
    .option("--json", "print JSON");

overApi(flows.command("apply <folder>"))
  .description("Store and deploy every flow of a folder, in code or JSON; others are left alone.")
  .option("--dry-run", "say what would change, and change nothing")
  .action(runFlowsApply);
overApi(flows.command("deploy <flow>"))
  .description("Make a flow's newest version the live one.")
  .action((flow, options) => runFlowsDeploy(flow, options, true));
overApi(flows.command("undeploy <flow>"))
  .description("Take a flow's trigger away.")
  .action((flow, options) => runFlowsDeploy(flow, options, false));

const sources = program.command("sources").description("Look at a tenant's polled sources, and poll them.");

overApi(sources.command("ls"))
  .description("List the sources, and how their polls go.")
  .action(runSourcesList);
overApi(sources.command("poll <source>"))
  .description("Poll a source now, whatever its back-off, or join the poll that is running.")
  .option("--wait", "answer what came of it")
  .action(runSourcesPoll);
const dlq = program.command("dlq").description("List, show and replay a tenant's dead letters over the API.");
const filtered = (command: Command) =>
  overApi(command)
    .option("--flow <flow>", "those of one flow")
    .option("--connector <connector>", "those of one connector")
    .option("--stage <stage>", "those of one stage: normalize, route or execute")
    .option("--fingerprint <fingerprint>", "those with one cause")
    .option("--since <time>", "those from this time on, RFC 3339")
    .option("--until <time>", "those before this time, RFC 3339");

filtered(dlq.command("ls"))
  .description("List dead letters, the newest first.")
  .option("--status <status>", "those that are pending, replayed or expired")
  .option("--limit <count>", "at most so many", "50")
  .action(runDlqList);
overApi(dlq.command("show <id>")).description("Show a dead letter whole.").action(runDlqShow);
filtered(dlq.command("replay [id]"))
  .description("Replay one dead letter, or all pending ones that the filters find.")
  .option("--payload <json>", "of one: what to replay in place of the original")
  .option("--all", "all pending ones")
  .option("--rate <count>", "replays a second at most, 1 to 1000; the default is 50")
  .option("--dry-run", "say how many there are, and replay nothing")
  .action(runDlqReplay);

program.parseAsync().catch((error: unknown) => {
  // One line: what is wrong and where. The stack is for what nobody foresaw.
  console.error(error instanceof HeadraceError ? `headrace: ${error.message}` : error);
  process.exit(1);
});
