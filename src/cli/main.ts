#!/usr/bin/env node
import { existsSync } from "node:fs";
import { Command } from "commander";
import { HeadraceError } from "../app/errors.ts";
import { runMigrate } from "./migrate.ts";
import { runSend } from "./send.ts";
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
  .command("send <preset>")
  .description("Send a webhook, signed as the preset's provider signs it.")
  .requiredOption("--url <url>", "the endpoint's URL")
  .requiredOption("--secret <secret>", "the endpoint's secret, or the private key where that is a public one")
  .option("--type <type>", "the event's type, in place of the sample's")
  .option("--data <json>", "the event's data, in place of the sample's")
  .option("--json", "print JSON")
  .action(runSend);

program.parseAsync().catch((error: unknown) => {
  // One line: what is wrong and where. The stack is for what nobody foresaw.
  console.error(error instanceof HeadraceError ? `headrace: ${error.message}` : error);
  process.exit(1);
});
