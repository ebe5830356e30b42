#!/usr/bin/env node
import { existsSync } from "node:fs";
import { Command } from "commander";
import { HeadraceError } from "../app/errors.js";
import { runMigrate } from "./migrate.js";
import { runSend } from "./send.js";
import { runStart } from "./start.js";
if (existsSync(".env"))
    process.loadEnvFile(".env");
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
    .requiredOption("--secret <secret>", "the endpoint's secret")
    .option("--type <type>", "the event's type", "demo.event")
    .option("--data <json>", "the event's data", "{}")
    .option("--json", "print JSON")
    .action(runSend);
program.parseAsync().catch((error) => {
    // One line: what is wrong and where. The stack is for what nobody foresaw.
    console.error(error instanceof HeadraceError ? `headrace: ${error.message}` : error);
    process.exit(1);
});
//# sourceMappingURL=main.js.map