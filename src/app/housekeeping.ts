/** What the service does unasked, now and then: it removes what is past its time and erases who was deleted. */
import type { Config } from "../config.ts";
import type { Inbox } from "../mail/inbox/inbox.ts";
import type { Logger } from "../observability/logger.ts";
import { Housekeeping } from "../store/housekeeping.ts";
import type { Store } from "../store/store.ts";
import type { Sources } from "./sources.ts";

/** After the first answers: the work, and on SQLite the start of the writer thread, would slow them. */
const FIRST_PASS_MS = 1_000;

export interface HousekeepingParts {
  readonly config: Config;
  readonly logger: Logger;
  readonly sources: Sources;
  readonly store: Store;
  /** Undefined where mail goes elsewhere. */
  readonly inbox: Inbox | undefined;
}

/** @returns stops it; what is being done goes on until the store is closed */
export function startHousekeeping({ config, logger, sources, store, inbox }: HousekeepingParts): () => void {
  const housekeeping = new Housekeeping({
    store,
    retention: {
      deliveriesMs: config.deliveryRetentionMs,
      eventsMs: config.eventRetentionMs,
      eraseAfterMs: config.eraseAfterMs,
    },
    ...sources,
    logger,
  });
  const firstPass = setTimeout(() => housekeeping.start(), FIRST_PASS_MS).unref();
  if (inbox !== undefined) dropRemovedMails(store, inbox, logger);
  return () => {
    clearTimeout(firstPass);
    housekeeping.stop();
  };
}

function dropRemovedMails(store: Store, inbox: Inbox, logger: Logger): void {
  store.committed(({ erasedMails }) => {
    if (erasedMails !== true) return;
    inbox
      .dropRemoved()
      .catch((error: unknown) => logger.warn({ err: error }, "the dev inbox shows mails that were removed"));
  });
}
