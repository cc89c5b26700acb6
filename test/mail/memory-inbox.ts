// An inbox whose store is a list in memory, for tests of what is built on inboxes.
import { Inbox } from "../../src/mail/inbox/inbox.ts";
import type { Mail } from "../../src/mail/message.ts";
import { Keyring } from "../../src/store/keyring.ts";
import type { SealedInboxMail } from "../../src/store/store.ts";
import { mailRequest } from "./mail-request.ts";
import { TestLog } from "./log.ts";

/** @param nowMs milliseconds since the Unix epoch */
export function memoryInbox(nowMs: () => number = Date.now): Inbox {
  const kept: SealedInboxMail[] = [];
  const store = {
    addInboxMail: (mail: SealedInboxMail) => {
      kept.unshift(mail);
      return Promise.resolve();
    },
    listInboxMails: (limit: number) => Promise.resolve(kept.slice(0, limit)),
    findInboxMail: (id: string) => Promise.resolve(kept.find(({ deliveryId }) => deliveryId === id)),
  };
  return new Inbox({
    store,
    keyring: new Keyring([Buffer.alloc(32, 7)]),
    logger: new TestLog().logger,
    nowMs,
  });
}

export interface MailChanges {
  readonly id?: string;
  readonly to?: string;
  readonly subject?: string;
  readonly text?: string;
  readonly html?: string;
  readonly code?: string;
  readonly link?: string;
  readonly organizationId?: string;
}

const LINK = "http://127.0.0.1:8080/verify?code=K7QX2M&userId=1";

export function mailWith(changes: MailChanges = {}): Mail {
  const {
    id = "d1",
    to = "ada@example.com",
    code = "K7QX2M",
    link = LINK,
    organizationId = "org1",
  } = changes;
  const { user } = mailRequest();
  return {
    from: { name: "Countersign", address: "no-reply@localhost" },
    to: { name: "Ada", address: to },
    subject: changes.subject ?? "Verify your email address",
    text: changes.text ?? `Hello Ada,\n\n${code}\n\n${link}\n`,
    html: changes.html ?? `<!doctype html><p>${code}</p>`,
    messageId: `<${id}@localhost>`,
    headers: {},
    request: mailRequest({
      deliveryId: id,
      recipient: to,
      code,
      link,
      user: { ...user, organizationId },
    }),
  };
}
