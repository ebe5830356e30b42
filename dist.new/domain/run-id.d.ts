/**
 * The id of the run of an event by a flow: a UUIDv7 with the event's milliseconds, whose other bits are a hash of
 * (event, flow, replay_seq). The same three give the same id, so that the primary key of runs admits each once, and
 * the run lies in its event's day. A replay's run takes the time of the replay instead: `atMs`.
 */
export declare function runId(run: {
    eventId: string;
    flowId: string;
    replaySeq: number;
    atMs?: number;
}): string;
/** What a target sees as the key of one run: the same on every attempt, another for each replay. */
export declare function runIdempotencyKey(run: {
    eventId: string;
    flowId: string;
    replaySeq: number;
}): string;
