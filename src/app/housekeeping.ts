/** What the service does unasked, now and then: it prunes what is past its time and erases who was deleted. */
import type { Config } from "../config.ts";
import type { Inbox } from "../mail/inbox/inbox.ts";
import type { Logger } from "../observability/logger.ts";
import { ErasureSchedule } from "../store/erasure-schedule.ts";
import type { Store } from "../store/store.ts";
import type { Sources } from "./sources.ts";

export interface HousekeepingParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: Sources;
  readonly store: Store;
  /** Undefined where mail goes elsewhere. */
  readonly inbox: Inbox | undefined;
}

const PRUNE_INTERVAL_MS = 10 * 60_000;

/** @returns stops it; what is being done goes on until the store is closed */
export function startHousekeeping({ config, logger, sources, store, inbox }: HousekeepingParts): () => void {
  const pruning = setInterval(() => prune(store, sources.nowMs(), logger), PRUNE_INTERVAL_MS).unref();
  const { eraseAfterMs } = config;
  const erasure =
    eraseAfterMs === "never" ? undefined : new ErasureSchedule({ store, eraseAfterMs, ...sources, logger });
  erasure?.start();
  if (inbox !== undefined) dropErasedMails(store, inbox, logger);
  return () => {
    clearInterval(pruning);
    erasure?.stop();
  };
}

function prune(store: Store, nowMs: number, logger: Logger): void {
  for (const kind of ["pruneBuckets", "pruneReplies"] as const) {
    store.maintain({ kind, nowMs }).catch((error: unknown) => {
      logger.warn({ err: error }, "maintenance failed");
    });
  }
}

function dropErasedMails(store: Store, inbox: Inbox, logger: Logger): void {
  store.committed(({ erasedMails }) => {
    if (erasedMails !== true) return;
    inbox
      .dropErased()
      .catch((error: unknown) => logger.warn({ err: error }, "the dev inbox shows erased mails"));
  });
}
