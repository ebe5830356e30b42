import type { ServerResponse } from "node:http";

/** Bounds the total size of bodies in memory: a sender can only be verified once its whole body has arrived. */
export interface BodyBudget {
  /**
   * Returns a function that counts the bytes of one request until its response closes. It returns false over the
   * bound.
   */
  open(response: ServerResponse): (bytes: number) => boolean;
}

/** Creates an unused budget of `maxBytes`. */
export function createBodyBudget(maxBytes: number): BodyBudget {
  let usedBytes = 0;
  return {
    open(response) {
      let own = 0;
      let isOpen = true;
      response.once("close", () => {
        isOpen = false;
        usedBytes -= own;
      });
      return (bytes) => {
        if (!isOpen || usedBytes + bytes > maxBytes) return false;
        usedBytes += bytes;
        own += bytes;
        return true;
      };
    },
  };
}
