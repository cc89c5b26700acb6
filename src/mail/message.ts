/** Composes the mail that carries a code: everything that a transport needs, as plain data. */
import { domainToASCII } from "node:url";
import { renderVerificationMail } from "./templates/verification.ts";

/** Always an object, never a string: in a string a comma or a line break could add recipients. */
export interface MailAddress {
  /** "" where there is only an address. */
  readonly name: string;
  readonly address: string;
}

export interface Mail {
  readonly from: MailAddress;
  readonly to: MailAddress;
  readonly subject: string;
  readonly text: string;
  readonly html: string;
  /** In angle brackets. The same at every try, so that a mail that arrives twice can be told. */
  readonly messageId: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly deliveryId: string;
  readonly code: string;
  readonly link: string;
}

export interface MailRequest {
  readonly deliveryId: string;
  /** The name greets the reader. */
  readonly recipient: MailAddress;
  readonly code: string;
  readonly link: string;
  /** When the code was made and when it ends, in milliseconds since the Unix epoch. */
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
}

export type Compose = (request: MailRequest) => Mail;

const MAX_NAME_SYMBOLS = 64;
// Control characters, line and paragraph separators, marks that turn the direction of writing, lone surrogates.
const NEVER_IN_NAME = /[\p{Cc}\p{Cs}\u200E\u200F\u2028-\u202E\u2066-\u2069]/gu;
// What mail programs turn into a link or an address by themselves.
const LINK_LIKE = /:\/\/|@|www\.|[\p{L}\p{N}]\.\p{L}{2,}/iu;
const MINUTE_MS = 60_000;

const expiryFormat = new Intl.DateTimeFormat("en-GB", {
  dateStyle: "long",
  timeStyle: "short",
  timeZone: "UTC",
});

/** @param from sender of every mail; its name, or else its domain, signs them */
export function createComposer(from: MailAddress): Compose {
  const fromDomain = from.address.slice(from.address.lastIndexOf("@") + 1);
  const messageIdDomain = domainToASCII(fromDomain) || fromDomain;
  const signature = from.name === "" ? fromDomain : from.name;
  return ({ deliveryId, recipient, code, link, queuedAtMs, expiresAtMs }) => {
    const name = displayName(recipient.name);
    const rendered = renderVerificationMail({
      name,
      code,
      link,
      expiry: `${expiryFormat.format(expiresAtMs)} UTC`,
      lifetime: lifetimeText(expiresAtMs - queuedAtMs),
      signature,
    });
    return {
      from,
      to: { name, address: recipient.address },
      ...rendered,
      messageId: `<${deliveryId}@${messageIdDomain}>`,
      headers: {
        // RFC 5322 section 3.3. The time of the request, not of this try: every try sends the same mail.
        Date: new Date(queuedAtMs).toUTCString().replace("GMT", "+0000"),
        // RFC 3834 section 5, and what Exchange reads instead: no out-of-office answers.
        "Auto-Submitted": "auto-generated",
        "X-Auto-Response-Suppress": "All",
      },
      deliveryId,
      code,
      link,
    };
  };
}

/**
 * A display name as mails show it: on one line, of bounded length. People choose their own names and give addresses
 * of others: a name with a link in it would make Countersign carry advertisements, so it is left out.
 */
function displayName(name: string): string {
  const cleaned = name.replace(NEVER_IN_NAME, " ").replace(/\s+/gu, " ").trim();
  if (LINK_LIKE.test(cleaned)) return "";
  return Array.from(cleaned).slice(0, MAX_NAME_SYMBOLS).join("").trim();
}

/** `1 hour`, `15 minutes`, `7 days`, `1 hour 30 minutes`. */
function lifetimeText(durationMs: number): string {
  const minutes = Math.max(1, Math.floor(durationMs / MINUTE_MS));
  const parts = [
    { count: Math.floor(minutes / 1440), unit: "day" },
    { count: Math.floor((minutes % 1440) / 60), unit: "hour" },
    { count: minutes % 60, unit: "minute" },
  ];
  return parts
    .filter(({ count }) => count > 0)
    .map(({ count, unit }) => `${count} ${unit}${count === 1 ? "" : "s"}`)
    .join(" ");
}
