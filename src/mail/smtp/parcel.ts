/** A mail in its final form: one sender, one recipient, the bytes. */
import { domainToASCII } from "node:url";
import { mailboxLimitProblem, parseMailbox } from "../../verification/email-address.ts";
import type { Mail } from "../message.ts";
import { writeMime } from "../mime.ts";

export interface Parcel {
  readonly sender: string;
  readonly recipient: string;
  /** RFC 6531: an address has non-ASCII characters before the @. */
  readonly needsSmtpUtf8: boolean;
  /** Headers and body, without the dots of SMTP. */
  readonly bytes: Buffer;
}

/**
 * @returns undefined when one of the addresses cannot be written in SMTP without changing it
 * @throws RangeError when the mail cannot be written
 */
export function pack(mail: Mail): Parcel | undefined {
  const sender = smtpAddress(mail.from.address);
  const recipient = smtpAddress(mail.to.address);
  if (sender === undefined || recipient === undefined) return undefined;
  return {
    sender,
    recipient,
    needsSmtpUtf8: !isAscii(sender) || !isAscii(recipient),
    bytes: writeMime(mail, { from: sender, to: recipient }),
  };
}

/** The same local part to the letter, and the host's ASCII form. */
function smtpAddress(address: string): string | undefined {
  const parsed = parseMailbox(address);
  // A whole mailbox would do for people; here it is an address and nothing else.
  if (!parsed.ok || parsed.mailbox.address !== address) return undefined;
  const { localPart, domain } = parsed.mailbox;
  // Angle brackets may stand in quotes. Too many programs on the way disagree.
  if (/[<>]/.test(localPart)) return undefined;
  const host = asciiHost(domain);
  if (host === undefined) return undefined;
  const written = { displayName: undefined, localPart, domain: host, address: `${localPart}@${host}` };
  return mailboxLimitProblem(written) === undefined ? written.address : undefined;
}

function asciiHost(domain: string): string | undefined {
  const ascii = isAscii(domain) ? domain : domainToASCII(domain);
  return /^[a-z0-9-]+(?:\.[a-z0-9-]+)*$/i.test(ascii) ? ascii : undefined;
}

function isAscii(text: string): boolean {
  // oxlint-disable-next-line no-control-regex -- all of ASCII
  return /^[\u0000-\u007F]*$/.test(text);
}
