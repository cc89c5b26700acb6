/** The dev inbox as those see it who read it: InboxService and the pages at /inbox. */

/** What lists show of a mail. All of it is text from the mail, to be escaped where it is shown. */
export interface InboxSummary {
  /** The delivery's id. */
  readonly mailId: string;
  /** Milliseconds since the Unix epoch. */
  readonly receivedAtMs: number;
  /** `Name <address>`, or the address alone. */
  readonly from: string;
  /** The address alone. */
  readonly to: string;
  readonly subject: string;
  /** "" for a mail that carries none. */
  readonly code: string;
  /** "" for a mail that carries none. */
  readonly link: string;
  /** "" for a test mail. */
  readonly userId: string;
  readonly organizationId: string;
  /** A language tag, or "" where it is not known. */
  readonly locale: string;
  /** In angle brackets. */
  readonly messageId: string;
}

export interface InboxMail extends InboxSummary {
  readonly text: string;
  readonly html: string;
  /** Headers and bodies as a relay would get them (RFC 5322). */
  readonly source: Uint8Array;
}

/** Which mails; all that is set holds at once. */
export interface InboxFilter {
  /** Exactly this address, whatever its case. */
  readonly to?: string;
  /** Addresses with this in them, whatever its case. */
  readonly search?: string;
  /** Mails of these organizations; absent: of all. */
  readonly organizationIds?: readonly string[];
}

export interface InboxQuery extends InboxFilter {
  /** At most this many. */
  readonly limit: number;
  /** Only mails that came before this one. A mail that is no longer there has none before it. */
  readonly beforeMailId?: string;
}

export interface InboxPage {
  /** Newest first. */
  readonly mails: readonly InboxSummary[];
  /** Whether there are older ones. */
  readonly hasMore: boolean;
}

export interface InboxWait extends InboxFilter {
  /** Only a mail that came after this one. */
  readonly afterMailId?: string;
  /** Only a mail that came later, in milliseconds since the Unix epoch. */
  readonly receivedAfterMs?: number;
  /** 0 looks once. */
  readonly timeoutMs: number;
  /** Ends the wait. */
  readonly signal: AbortSignal;
}

export interface InboxReader {
  list(query: InboxQuery): Promise<InboxPage>;
  /** @returns undefined for a mail that is not there, or cannot be opened */
  find(mailId: string): Promise<InboxMail | undefined>;
  /**
   * The newest mail that fits, at once or as soon as it comes.
   *
   * @returns undefined after the time-out
   * @throws FailureError INBOX_MAIL_NOT_FOUND for an unknown `afterMailId`, TOO_MANY_WAITING, SHUTTING_DOWN; the signal's
   *   reason when it is aborted
   */
  waitFor(wait: InboxWait): Promise<InboxSummary | undefined>;
}
