/** Why a handler's code gave no answer: a stable code, as an attempt or a poll shows it, and a sentence. */
export class HandlerFault extends Error {
  /** `HANDLER_STUCK`, `HANDLER_OUT_OF_MEMORY`, `HANDLER_CRASHED`, `HANDLER_BUSY`, `PAGE_UNREADABLE`. */
  readonly code: string;

  constructor(code: string, message: string) {
    super(message);
    this.name = "HandlerFault";
    this.code = code;
  }
}
