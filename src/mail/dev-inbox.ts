/**
 * The dev inbox: mails stay in the database of this machine, sealed, and are read at /inbox.
 *
 * Mails take the same path here as to any relay: queued, claimed, checked, composed, handed over.
 */
import type { Logger } from "../observability/logger.ts";
import type { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import type { HandOverPermit, MailTransport, SendOutcome } from "./mail-transport.ts";
import type { Mail, MailAddress } from "./message.ts";
import { RETRY_DELAYS } from "./retry-policy.ts";

/** Keeps one mail. */
export type KeepMail = (mail: Mail) => Promise<void>;

export interface InboxKeeperOptions {
  readonly store: Pick<Store, "addInboxMail">;
  readonly keyring: Keyring;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
}

/** Seals mails and stores them, on the main thread, where the keys are. */
export function createInboxKeeper({ store, keyring, nowMs }: InboxKeeperOptions): KeepMail {
  return (mail) => {
    const { deliveryId } = mail.request;
    const sealed = keyring.seal(JSON.stringify(mail), deliveryId);
    return store.addInboxMail({ deliveryId, receivedAtMs: nowMs(), sealed });
  };
}

export const DEV_INBOX_DESCRIPTION = "dev inbox";
export const DEV_INBOX_CONNECTIONS = 5;

export class DevInboxTransport implements MailTransport {
  readonly description = DEV_INBOX_DESCRIPTION;
  readonly connections = DEV_INBOX_CONNECTIONS;
  readonly #keep: KeepMail;

  constructor(keep: KeepMail) {
    this.#keep = keep;
  }

  async send(mail: Mail, permit: HandOverPermit): Promise<SendOutcome> {
    const relay = DEV_INBOX_DESCRIPTION;
    if (!(await permit.take())) return { kind: "withdrawn" };
    try {
      await this.#keep(mail);
      return { kind: "accepted", tries: [{ relay, outcome: "accepted", text: "kept" }] };
    } catch (error) {
      const problem = `the inbox cannot be written: ${error instanceof Error ? error.name : "unknown error"}`;
      const tries = [{ relay, outcome: "transient", text: problem }] as const;
      return { kind: "transient", problem, tries, delay: RETRY_DELAYS.internal };
    }
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}

/** A mail as the inbox shows it. */
export interface InboxMail {
  readonly deliveryId: string;
  /** ISO 8601, UTC. */
  readonly receivedAt: string;
  /** `Name <address>`, or the address alone. */
  readonly from: string;
  /** The address alone. */
  readonly to: string;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  readonly code: string;
  readonly link: string;
}

export interface InboxSource {
  readonly store: Pick<Store, "listInboxMails">;
  readonly keyring: Keyring;
  readonly logger: Logger;
}

export interface InboxQuery {
  /** At most this many mails. */
  readonly limit: number;
  /** Only mails to this address, whatever its case. */
  readonly to?: string;
}

/** The store keeps no more than this many. */
const ALL_MAILS = 500;

/** Newest first. A mail whose key is gone is left out, with a line in the log. */
export async function readInbox(
  { store, keyring, logger }: InboxSource,
  { limit, to }: InboxQuery,
): Promise<InboxMail[]> {
  const wanted = to?.toLowerCase();
  const found: InboxMail[] = [];
  for (const { deliveryId, receivedAtMs, sealed } of await store.listInboxMails(ALL_MAILS)) {
    if (found.length >= limit) break;
    try {
      const mail = JSON.parse(keyring.open(sealed, deliveryId)) as Mail;
      if (wanted === undefined || mail.to.address.toLowerCase() === wanted)
        found.push(inboxMail(mail, receivedAtMs));
    } catch (error) {
      logger.warn(
        { deliveryId, problem: error instanceof Error ? error.message : "unknown" },
        "inbox mail cannot be opened",
      );
    }
  }
  return found;
}

function inboxMail(
  { from, to, subject, text, html, request: { deliveryId, code, link } }: Mail,
  receivedAtMs: number,
): InboxMail {
  return {
    deliveryId,
    receivedAt: new Date(receivedAtMs).toISOString(),
    from: mailboxText(from),
    to: to.address,
    subject,
    text,
    html,
    code,
    link,
  };
}

function mailboxText({ name, address }: MailAddress): string {
  return name === "" ? address : `${name} <${address}>`;
}
