import { HeadraceError } from "../errors.ts";

/** The budgets of one event, by their names in a dead letter's context. */
export type EventBudget =
  /** Steps of one search of the trigger index. */
  | "match_steps"
  /** Steps of reading fields and searching texts, over all searches. */
  | "match_work";

/** The error code of dead letters whose event exceeds a budget. A retry would fail the same way. */
export const EVENT_TOO_COSTLY = "EVENT_TOO_COSTLY";

/** Thrown before work that would exceed an event's budget. */
export class EventTooCostly extends HeadraceError {
  readonly budget: EventBudget;

  constructor(budget: EventBudget, message: string) {
    super("unprocessable", message);
    this.budget = budget;
  }
}
