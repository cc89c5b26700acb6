/**
 * The dev inbox as a transport: mails stay in the database of this machine, sealed, and are read at /inbox.
 *
 * Mails take the same path here as to any relay: queued, claimed, checked, composed, handed over.
 */
import type { HandOverPermit, MailTransport, SendOutcome } from "./mail-transport.ts";
import type { Mail } from "./message.ts";
import { RETRY_DELAYS } from "./retry-policy.ts";

/** Keeps one mail; see inbox/inbox.ts. */
export type KeepMail = (mail: Mail) => Promise<void>;

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
