/** `headrace start`: serves until SIGINT or SIGTERM, or until the npm that started it is gone; then drains. */
export declare function runStart(): Promise<void>;
