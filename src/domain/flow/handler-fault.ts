/** Thrown when a handler gives no result. It has a stable code, which attempts and polls show, and a message. */
export class HandlerFault extends Error {
  /** One of `HANDLER_STUCK`, `HANDLER_OUT_OF_MEMORY`, `HANDLER_CRASHED`, `HANDLER_BUSY`, `PAGE_UNREADABLE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "HandlerFault";
    this.code = code;
  }
}
