// A mail to send.
import type { Mail } from "../../../src/mail/message.ts";
import { mailRequest } from "../mail-request.ts";

export const CODE = "K7QX2M";
export const LINK = "https://verify.example.com/verify?code=K7QX2M&orgId=1&userId=2";

export function sampleMail(changes: Partial<Mail> = {}): Mail {
  const to = changes.to ?? { name: "Ada Lovelace", address: "ada@example.com" };
  return {
    from: { name: "Example Accounts", address: "accounts@example.org" },
    subject: "Verify your email address",
    text: `Hello,\n\n${CODE}\n\n${LINK}\n`,
    html: `<p>${CODE}</p><p>${LINK.replaceAll("&", "&amp;")}</p>`,
    messageId: "<delivery-1@example.org>",
    headers: { Date: "Sun, 22 Nov 2026 20:05:00 +0000", "Auto-Submitted": "auto-generated" },
    request: mailRequest({ recipient: to.address, code: CODE, link: LINK }),
    ...changes,
    to,
  };
}

export function mailTo(address: string, name = "Ada"): Mail {
  return sampleMail({ to: { name, address } });
}
