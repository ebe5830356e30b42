import { defineFlow } from "headrace";

/** Started by the clock. In plain JavaScript. */
export default defineFlow(
  {
    id: "nightly-report",
    name: "Nightly report",
    trigger: { schedule: { cron: "30 3 * * *", timezone: "Europe/Berlin", data: { region: "eu" } } },
  },
  async ({ event, attempt, log }) => {
    log.info("report made", { region: event.data.region, tick: event.occurredAt, attempt });
  },
);
