import type { ServerResponse } from "node:http";

/** Bytes of bodies that are in hand at once: nobody has proved anything before the whole body is there. */
export interface BodyBudget {
  /** Answers what counts the bytes of one request until its response is closed; it says no when all is in use. */
  open(response: ServerResponse): (bytes: number) => boolean;
}

export function createBodyBudget(maxBytes: number): BodyBudget {
  let held = 0;
  return {
    open(response) {
      let own = 0;
      let isOpen = true;
      response.once("close", () => {
        isOpen = false;
        held -= own;
      });
      return (bytes) => {
        if (!isOpen || held + bytes > maxBytes) return false;
        held += bytes;
        own += bytes;
        return true;
      };
    },
  };
}
