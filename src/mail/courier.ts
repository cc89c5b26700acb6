/** Composes a mail and gives it to the transport. Whatever breaks on the way is an outcome. */
import type { HandOverPermit, MailTransport, SendOutcome } from "./mail-transport.ts";
import type { Compose, Mail, MailRequest } from "./message.ts";
import { RETRY_DELAYS } from "./retry-policy.ts";

export class Courier {
  readonly #compose: Compose;
  readonly #transport: MailTransport;

  constructor(compose: Compose, transport: MailTransport) {
    this.#compose = compose;
    this.#transport = transport;
  }

  async deliver(request: MailRequest, permit: HandOverPermit): Promise<SendOutcome> {
    let mail: Mail;
    try {
      mail = this.#compose(request);
    } catch (error) {
      return { kind: "permanent", problem: `the mail cannot be composed: ${nameOf(error)}`, tries: [] };
    }
    try {
      return { ...(await this.#transport.send(mail, permit)), messageId: mail.messageId };
    } catch (error) {
      const problem = `the transport broke: ${nameOf(error)}`;
      const { messageId } = mail;
      return { kind: "transient", problem, tries: [], delay: RETRY_DELAYS.internal, messageId };
    }
  }

  close(): Promise<void> {
    return this.#transport.close();
  }
}

/** The name alone: messages of templates and URLs quote what they were made from. */
function nameOf(error: unknown): string {
  return error instanceof Error ? error.name : "unknown error";
}
