/**
 * The dev inbox: mails stay in the database of this machine, sealed, and are read at /inbox.
 *
 * Mails take the same path here as to any relay: queued, claimed, checked, composed, handed over.
 */
import type { Logger } from "pino";
import type { Keyring } from "../store/keyring.ts";
import type { Store } from "../store/store.ts";
import type { MailTransport, SendOutcome } from "./mail-transport.ts";
import type { Mail, MailAddress } from "./message.ts";

export interface DevInboxOptions {
  readonly store: Pick<Store, "addInboxMail">;
  readonly keyring: Keyring;
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: () => number;
}

export class DevInboxTransport implements MailTransport {
  readonly description = "dev inbox";
  readonly #options: DevInboxOptions;

  constructor(options: DevInboxOptions) {
    this.#options = options;
  }

  async send(mail: Mail): Promise<SendOutcome> {
    const { store, keyring, nowMs } = this.#options;
    const { deliveryId } = mail;
    try {
      const sealed = keyring.seal(JSON.stringify(mail), deliveryId);
      await store.addInboxMail({ deliveryId, receivedAtMs: nowMs(), sealed });
      return { kind: "accepted" };
    } catch (error) {
      const name = error instanceof Error ? error.name : "unknown error";
      return { kind: "transient", problem: `the inbox cannot be written: ${name}` };
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
  { deliveryId, from, to, subject, text, html, code, link }: Mail,
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
