// A mail to send in tests.
import { createComposer, type Mail, type MailRequest } from "../../../src/mail/message.ts";

export const QUEUED_AT_MS = Date.UTC(2026, 10, 22, 20, 5);

export const REQUEST: MailRequest = {
  deliveryId: "kQ2-delivery_0001abcdef",
  recipient: { name: "Ada Lovelace", address: "ada@example.com" },
  code: "K7QX2M",
  link: "https://verify.example.com/verify?code=K7QX2M&orgId=1&userId=2",
  queuedAtMs: QUEUED_AT_MS,
  expiresAtMs: QUEUED_AT_MS + 3_600_000,
};

export const compose = createComposer({ name: "Example Accounts", address: "accounts@example.org" });

export function sampleMail(changes: Partial<MailRequest> = {}): Mail {
  return compose({ ...REQUEST, ...changes });
}
