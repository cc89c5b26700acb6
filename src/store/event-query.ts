/** Lists of events: what may be asked, independent of any database. */
import type { RecordedEvent } from "./store.ts";

/** Absent filters let everything pass. */
export interface EventFilter {
  readonly userId?: string;
  /** Any of these. */
  readonly types?: readonly string[];
  /** Any of these; none at all where it is empty. */
  readonly organizationIds?: readonly string[];
  /** Beyond this position. */
  readonly afterPosition?: number;
  /** Recorded at this time or later, in milliseconds since the Unix epoch. */
  readonly createdFromMs?: number;
  /** Recorded before this time. */
  readonly createdBeforeMs?: number;
}

export interface EventQuery extends EventFilter {
  readonly oldestFirst: boolean;
  /** Where the page before ended: `next` of that page. */
  readonly cursor?: number;
  /** At most this many events, 1 to 1,000. */
  readonly limit: number;
  /** After so many milliseconds the page ends where it is. */
  readonly timeoutMs: number;
}

/**
 * A page of events. It may have fewer than were asked for, or none, and still not be the last: filters by type and
 * organization are applied while the log is read, and that for a limited time.
 */
export interface EventPage {
  readonly events: readonly RecordedEvent[];
  /** The last position that was looked at; undefined when the list is complete. */
  readonly next: number | undefined;
}
