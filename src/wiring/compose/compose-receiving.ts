import { randomUUID } from "node:crypto";
import { HeadraceError } from "../../domain/errors.ts";
import type { FastPath } from "../../pipeline/fast-path/fast-path.ts";
import { type Acceptor, createAcceptor } from "../../pipeline/receive/acceptor.ts";
import { createEndpointCache, endpointSecretAad } from "../../pipeline/receive/endpoint-cache.ts";
import { createReceiver, type Receiver, type TakeQuota } from "../../pipeline/receive/receiver.ts";
import { createRejectionLog, type RejectionLog } from "../../pipeline/receive/rejection-log.ts";
import { createSeenMarks } from "../../pipeline/receive/seen-marks.ts";
import { createTenantQuota } from "../../pipeline/receive/tenant-quota.ts";
import { captureSecret } from "../../postgres/access/endpoints.ts";
import { raiseCounter, readCounter } from "../../postgres/core/change-counters.ts";
import type { Queryable } from "../../postgres/core/database.ts";
import { probeAccepting } from "../../postgres/core/probe-accepting.ts";
import { oldestUnroutedMs } from "../../postgres/events/outbox.ts";
import type { RedisClient } from "../../redis/client.ts";
import type { RedisKeys } from "../../redis/keys.ts";
import { findSeen, markSeen } from "../../redis/seen.ts";
import { Batcher } from "../../runtime/batcher.ts";
import { systemClock } from "../../runtime/clock.ts";
import { type Accepting, createAccepting } from "../health/accepting.ts";
import { describeFault } from "../health/unavailable.ts";
import type { Loops } from "../loops.ts";
import type { PipelineDeps } from "./compose.ts";

/** Stages 1 and 2 of a process, wired. */
export interface Receiving {
  acceptor: Acceptor;
  receiver: Receiver;
  takeQuota: TakeQuota;
  rejections: RejectionLog;
  accepting: Accepting;
  /** True while events wait too long to be committed or routed: then no more are accepted. */
  readonly isBehind: boolean;
}

export interface ReceivingDeps
  extends Pick<PipelineDeps, "roles" | "bounds" | "database" | "keyRing" | "metrics" | "faults"> {
  redis: RedisClient;
  keys: RedisKeys;
  loops: Loops;
  fastPath: FastPath;
  /** Called after a commit of new events that a relay has to claim. */
  onDue: () => void;
}

/** Wires receiving: deliveries from webhooks and the API are committed with their outbox rows. */
export function composeReceiving(deps: ReceivingDeps): Receiving {
  const { roles, bounds, database, keyRing, metrics, faults, redis, keys, loops } = deps;
  const { now } = systemClock;
  const accepting = createAccepting({
    bounds: bounds.accepting,
    probe: () => probeAccepting(database.ingest, bounds.accepting.probeBytes),
    onProbeFailed: (error) => faults.note({ what: "accepting events", ...describeFault(error) }, error),
  });
  const ingest = watchFailures(database.ingest, accepting.failed);
  const acceptor = createAcceptor({
    database: ingest,
    bounds: bounds.accept,
    fastPath: deps.fastPath,
    onCommitted(events) {
      accepting.succeeded();
      metrics.accepted.inc(events);
    },
    onDue: deps.onDue,
    onSeen: createSeenMarks(
      (seen) => markSeen(redis, keys, { seen, ttlSeconds: bounds.seenSeconds }),
      bounds.seenMarks,
    ),
  });
  const seenLookUps = new Batcher<string, string | undefined>((digests) => findSeen(redis, keys, digests), {
    ...bounds.seenLookUps,
    full: () => new HeadraceError("store_unavailable", "Too many deliveries ask Redis already"),
  });
  const counterReads = new Batcher<void, number>(
    async (callers) => {
      const counter = await readCounter(ingest, "receive");
      return callers.map(() => counter);
    },
    {
      maxItems: 10_000,
      inFlight: 1,
      maxWaiting: 10_000,
      full: () => new HeadraceError("store_unavailable", "Too many deliveries wait"),
    },
  );
  const takeQuota = createTenantQuota({ database: ingest, redis, keys, bounds: bounds.quota, now });
  const receiver = createReceiver({
    endpoints: createEndpointCache({
      database: ingest,
      keyRing,
      maxEndpoints: bounds.maxEndpoints,
      maxTried: bounds.maxTriedEndpoints,
      lookUps: bounds.lookUps,
    }),
    acceptor,
    findSeen: (digest) => seenLookUps.add(digest),
    seenMs: bounds.seenSeconds * 1_000,
    readCounter: () => counterReads.add(),
    takeQuota,
    captureSecret: (name, { value, show }) =>
      database.transaction(async (transaction) => {
        await raiseCounter(transaction, "receive");
        const id = randomUUID();
        const sealed = keyRing.seal(value, endpointSecretAad(name, id));
        const shownSeconds = show ? bounds.shownSecretSeconds : 0;
        return await captureSecret(transaction, name, { id, notAfter: undefined, ...sealed }, shownSeconds);
      }),
    now,
  });
  const rejections = createRejectionLog({ database: database.pipeline, bounds: bounds.rejections });
  if (roles.has("receive") || roles.has("api")) loops.add("accepting", accepting.step);
  let unroutedMs = 0;
  if (roles.has("receive")) {
    loops.add("rejections", rejections.step);
    loops.add("backlog age", async () => {
      unroutedMs = await oldestUnroutedMs(database.pipeline);
      metrics.oldestUnroutedSeconds.set(unroutedMs / 1_000);
      return { waitMs: bounds.backlogAge.intervalMs };
    });
  }
  return {
    acceptor,
    receiver,
    takeQuota,
    rejections,
    accepting,
    get isBehind() {
      const waitedMs = Math.max(acceptor.waitedMs, counterReads.waitedMs);
      return waitedMs > bounds.maxCommitWaitMs || unroutedMs > bounds.backlogAge.maxMs;
    },
  };
}

/** Wraps a database so that `onFailure` is called for each statement that fails. */
function watchFailures(database: Queryable, onFailure: (error: unknown) => void): Queryable {
  return {
    async query(statement) {
      try {
        return await database.query(statement);
      } catch (error) {
        onFailure(error);
        throw error;
      }
    },
  };
}
