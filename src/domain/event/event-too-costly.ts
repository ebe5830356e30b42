import { HeadraceError } from "../errors.ts";

/** The budgets of one event, by the name that a dead letter's context gives. */
export type EventBudget =
  /** Steps of one look at all triggers of the event. */
  | "match_steps"
  /** Reading fields and searching texts, over all looks. */
  | "match_work";

/** The code of dead letters whose event is over one of its budgets. Another try would end the same. */
export const EVENT_TOO_COSTLY = "EVENT_TOO_COSTLY";

/** An event would take more work than an event may. It is told before the work is done. */
export class EventTooCostly extends HeadraceError {
  readonly budget: EventBudget;

  constructor(budget: EventBudget, message: string) {
    super("unprocessable", message);
    this.budget = budget;
  }
}
