/**
 * The mails of the dev inbox: sealed in the store, and a short entry of each in memory.
 *
 * Keys are on the main thread, and so is this. Lists, searches and waits look at the entries alone; a mail is opened when
 * it is looked at by itself. The entries are read from the store when somebody first asks, and follow every mail that is
 * kept from then on: no one else writes to the inbox of a running service.
 *
 * But for services that share their database: then the entries are read again for every look, and twice a second while
 * somebody waits. Only mails that are new are opened for that.
 *
 * Who waits for a mail costs nothing until one comes; then each is asked whether that is the one.
 */
import type { Logger } from "../../observability/logger.ts";
import type {
  InboxFilter,
  InboxMail,
  InboxPage,
  InboxQuery,
  InboxReader,
  InboxSummary,
  InboxWait,
} from "../../store/inbox.ts";
import type { Keyring } from "../../store/keyring.ts";
import type { SealedInboxMail, Store } from "../../store/store.ts";
import { failure, FailureError } from "../../verification/failures.ts";
import type { Mail, MailAddress } from "../message.ts";
import { mailSource } from "./mail-source.ts";

export interface InboxOptions {
  readonly store: Pick<Store, "addInboxMail" | "listInboxMails" | "findInboxMail">;
  readonly keyring: Keyring;
  readonly logger: Logger;
  /** Whether other services write to the inbox too. Default: they do not. */
  readonly isShared?: boolean;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
  /** How many may wait at a time. Default: 1,000. */
  readonly maxWaiting?: number;
}

/** The store keeps no more than this many. */
const ALL_MAILS = 500;
/** How often a shared inbox is looked at for those who wait. */
const POLL_MS = 500;
const DEFAULT_MAX_WAITING = 1_000;
/** After which a caller who may not wait may ask again, in milliseconds. */
const WAITING_RETRY_MS = 1_000;

interface Waiter {
  readonly fits: (mail: InboxSummary) => boolean;
  readonly came: (mail: InboxSummary) => void;
  readonly stopped: () => void;
}

export class Inbox implements InboxReader {
  readonly #options: InboxOptions;
  readonly #waiters = new Set<Waiter>();
  /** Newest first. */
  #entries: InboxSummary[] = [];
  #loaded: Promise<void> | undefined;
  #poll: NodeJS.Timeout | undefined;
  #isClosed = false;

  constructor(options: InboxOptions) {
    this.#options = options;
  }

  /** How many wait for a mail. */
  get waiting(): number {
    return this.#waiters.size;
  }

  /** Resolves once the mail is stored. The same delivery again changes nothing. */
  async keep(mail: Mail): Promise<void> {
    const { store, keyring, nowMs, isShared } = this.#options;
    const { deliveryId } = mail.request;
    const receivedAtMs = nowMs();
    const sealed = keyring.seal(JSON.stringify(mail), deliveryId);
    await store.addInboxMail({ deliveryId, receivedAtMs, sealed });
    if (isShared === true) {
      if (this.#waiters.size > 0) this.#look();
      return;
    }
    // Entries that were not read yet will have it among them.
    await this.#loaded?.then(
      () => this.#add(summaryOf(mail, receivedAtMs)),
      () => {},
    );
  }

  /** To be called after mails were taken from the store: those of users who were erased, and old ones. */
  async dropRemoved(): Promise<void> {
    const known = new Set(this.#entries.map(({ mailId }) => mailId));
    const kept = new Set(
      (await this.#options.store.listInboxMails(ALL_MAILS)).map(({ deliveryId }) => deliveryId),
    );
    // What came meanwhile may not be among those that were read.
    this.#entries = this.#entries.filter(({ mailId }) => kept.has(mailId) || !known.has(mailId));
  }

  async list({ limit, beforeMailId, ...filter }: InboxQuery): Promise<InboxPage> {
    await this.#load();
    const older = beforeMailId === undefined ? this.#entries : this.#olderThan(beforeMailId);
    const found = older.filter(filterOf(filter));
    return { mails: found.slice(0, limit), hasMore: found.length > limit };
  }

  async find(mailId: string): Promise<InboxMail | undefined> {
    const sealed = await this.#options.store.findInboxMail(mailId);
    const mail = sealed && this.#open(sealed);
    if (sealed === undefined || mail === undefined) return undefined;
    const { text, html } = mail;
    return { ...summaryOf(mail, sealed.receivedAtMs), text, html, source: mailSource(mail) };
  }

  async waitFor({ afterMailId, receivedAfterMs, timeoutMs, signal, ...filter }: InboxWait) {
    await this.#load();
    signal.throwIfAborted();
    const passes = filterOf(filter);
    const fits = (mail: InboxSummary) =>
      passes(mail) && (receivedAfterMs === undefined || mail.receivedAtMs > receivedAfterMs);
    const there = (afterMailId === undefined ? this.#entries : this.#newerThan(afterMailId)).find(fits);
    if (there !== undefined || timeoutMs <= 0) return there;
    return this.#wait(fits, timeoutMs, signal);
  }

  /** Sends everybody away who waits, and who comes to wait. */
  close(): void {
    this.#isClosed = true;
    clearInterval(this.#poll);
    for (const { stopped } of this.#waiters) stopped();
  }

  #wait(fits: Waiter["fits"], timeoutMs: number, signal: AbortSignal): Promise<InboxSummary | undefined> {
    const { maxWaiting = DEFAULT_MAX_WAITING } = this.#options;
    if (this.#isClosed) throw new FailureError(failure("SHUTTING_DOWN"));
    if (this.#waiters.size >= maxWaiting) {
      throw new FailureError(
        failure("TOO_MANY_WAITING", {
          retryAfterMs: WAITING_RETRY_MS,
          quota: { subject: "inbox", description: `${maxWaiting} callers may wait for mails at a time` },
        }),
      );
    }
    const { promise, resolve, reject } = Promise.withResolvers<InboxSummary | undefined>();
    const waiter: Waiter = {
      fits,
      came: resolve,
      stopped: () => reject(new FailureError(failure("SHUTTING_DOWN"))),
    };
    const gone = () => reject(signal.reason as Error);
    const timer = setTimeout(() => resolve(undefined), timeoutMs);
    signal.addEventListener("abort", gone);
    this.#waiters.add(waiter);
    if (this.#options.isShared === true) this.#poll ??= setInterval(() => this.#look(), POLL_MS).unref();
    return promise.finally(() => {
      clearTimeout(timer);
      signal.removeEventListener("abort", gone);
      this.#waiters.delete(waiter);
      if (this.#waiters.size > 0) return;
      clearInterval(this.#poll);
      this.#poll = undefined;
    });
  }

  /** For those who wait; what fails now is found at the next look. */
  #look(): void {
    this.#load().catch(() => {});
  }

  #load(): Promise<void> {
    if (this.#options.isShared === true) return this.#readEntries();
    this.#loaded ??= this.#readEntries().catch((error: unknown) => {
      this.#loaded = undefined;
      throw error;
    });
    return this.#loaded;
  }

  async #readEntries(): Promise<void> {
    const mails = await this.#options.store.listInboxMails(ALL_MAILS);
    const known = new Map(this.#entries.map((entry) => [entry.mailId, entry]));
    const entries = mails.flatMap((sealed) => {
      const entry = known.get(sealed.deliveryId);
      if (entry !== undefined) return [entry];
      const mail = this.#open(sealed);
      return mail === undefined ? [] : [summaryOf(mail, sealed.receivedAtMs)];
    });
    this.#entries = entries;
    for (const entry of entries) if (!known.has(entry.mailId)) this.#announce(entry);
  }

  #add(entry: InboxSummary): void {
    if (this.#entries.some(({ mailId }) => mailId === entry.mailId)) return;
    this.#entries = [entry, ...this.#entries.slice(0, ALL_MAILS - 1)];
    this.#announce(entry);
  }

  #announce(entry: InboxSummary): void {
    for (const { fits, came } of this.#waiters) {
      if (fits(entry)) came(entry);
    }
  }

  #olderThan(mailId: string): InboxSummary[] {
    const index = this.#indexOf(mailId);
    return index === -1 ? [] : this.#entries.slice(index + 1);
  }

  /** @throws FailureError INBOX_MAIL_NOT_FOUND */
  #newerThan(mailId: string): InboxSummary[] {
    const index = this.#indexOf(mailId);
    if (index === -1) throw new FailureError(failure("INBOX_MAIL_NOT_FOUND"));
    return this.#entries.slice(0, index);
  }

  #indexOf(wanted: string): number {
    return this.#entries.findIndex(({ mailId }) => mailId === wanted);
  }

  /** @returns undefined for a mail whose key is gone, with a line in the log */
  #open({ deliveryId, sealed }: SealedInboxMail): Mail | undefined {
    const { keyring, logger } = this.#options;
    try {
      return JSON.parse(keyring.open(sealed, deliveryId)) as Mail;
    } catch (error) {
      logger.warn(
        { deliveryId, problem: error instanceof Error ? error.message : "unknown" },
        "inbox mail cannot be opened",
      );
      return undefined;
    }
  }
}

function filterOf({ to, search, organizationIds }: InboxFilter): (mail: InboxSummary) => boolean {
  const address = to?.toLowerCase();
  const part = search?.toLowerCase();
  return (mail) => {
    const itsAddress = mail.to.toLowerCase();
    return (
      (address === undefined || itsAddress === address) &&
      (part === undefined || itsAddress.includes(part)) &&
      (organizationIds === undefined || organizationIds.includes(mail.organizationId))
    );
  };
}

function summaryOf(mail: Mail, receivedAtMs: number): InboxSummary {
  const { from, to, subject, messageId, parts, request } = mail;
  return {
    mailId: request.deliveryId,
    receivedAtMs,
    from: mailboxText(from),
    to: to.address,
    subject,
    // A test mail has a mark in its place, a notice nothing.
    code: request.kind === "test" ? "" : request.code,
    link: carries(mail, request.link) ? request.link : "",
    userId: request.user.userId,
    organizationId: request.user.organizationId,
    locale: parts?.locale ?? "",
    messageId,
  };
}

/** Every code has a link; not every mail shows it. */
function carries({ text, html }: Mail, link: string): boolean {
  return link !== "" && (text.includes(link) || html.replaceAll("&amp;", "&").includes(link));
}

function mailboxText({ name, address }: MailAddress): string {
  return name === "" ? address : `${name} <${address}>`;
}
