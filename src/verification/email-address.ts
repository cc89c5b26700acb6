/**
 * Parses one mailbox as RFC 5322 section 3.4 writes it, with RFC 6532's UTF-8 and without comments, groups,
 * obsolete syntax and domain literals: `ada@example.com`, `"a b"@example.com`, `Ada <ada@example.com>`.
 */

export interface Mailbox {
  /** Text before `<address>`; undefined when the input was the bare address. */
  readonly displayName: string | undefined;
  readonly localPart: string;
  readonly domain: string;
  /** `localPart@domain`, as the input spelled it. */
  readonly address: string;
}

export type MailboxResult =
  | { readonly ok: true; readonly mailbox: Mailbox }
  | { readonly ok: false; readonly problem: string };

/** RFC 5321 section 4.5.3.1: octets of the local part, and of the path less its angle brackets. */
const MAX_LOCAL_PART_BYTES = 64;
const MAX_ADDRESS_BYTES = 254;

// Non-ASCII text (RFC 6532 section 3.1) less C1 controls, line and paragraph separators, and unpaired surrogates.
const UTF8_TEXT = String.raw`\u00A0-\u2027\u202A-\uD7FF\uE000-\u{10FFFF}`;
// atext of RFC 5322 section 3.2.3; \x60 is the backtick.
const ATEXT = String.raw`A-Za-z0-9!#$%&'*+\-/=?^_\x60{|}~${UTF8_TEXT}`;
const DOT_ATOM = String.raw`[${ATEXT}]+(?:\.[${ATEXT}]+)*`;
// Printable ASCII and UTF-8, backslash escapes of the same: no control characters, so no line can be broken.
const QUOTED = String.raw`"(?:[\x20\x21\x23-\x5B\x5D-\x7E${UTF8_TEXT}]|\\[\x20-\x7E])*"`;
const ADDR_SPEC = new RegExp(`^(${DOT_ATOM}|${QUOTED})@(${DOT_ATOM})$`, "u");
// One character or one quoted string at a time: a repeated repetition would backtrack exponentially.
const NAME_ADDR = new RegExp(`^((?:[${ATEXT}. ]|${QUOTED})*)<([^<>]*)>$`, "u");

/** @returns the mailbox, or what is wrong with the text (never the text itself) */
export function parseMailbox(text: string): MailboxResult {
  const trimmed = text.trim();
  const named = trimmed.endsWith(">") ? NAME_ADDR.exec(trimmed) : null;
  if (trimmed.endsWith(">") && named === null) return problem("malformed display name or angle brackets");
  const spec = named === null ? trimmed : (named[2] ?? "");
  if (!spec.includes("@")) return problem("missing '@' or angle-addr");
  const parts = ADDR_SPEC.exec(spec);
  if (parts === null) return problem("not a single local-part@domain");
  const [address, localPart = "", domain = ""] = parts;
  return { ok: true, mailbox: { displayName: named?.[1]?.trim(), localPart, domain, address } };
}

/**
 * The length and host name rules of protoc-gen-validate's `email` rule, which ZITADEL's requests carry.
 *
 * @returns what is wrong, or undefined
 */
export function mailboxLimitProblem(mailbox: Mailbox): string | undefined {
  if (Buffer.byteLength(mailbox.address) > MAX_ADDRESS_BYTES) {
    return `email addresses cannot exceed ${MAX_ADDRESS_BYTES} characters`;
  }
  if (Buffer.byteLength(mailbox.localPart) > MAX_LOCAL_PART_BYTES) {
    return `email address local phrase cannot exceed ${MAX_LOCAL_PART_BYTES} characters`;
  }
  return hostNameProblem(mailbox.domain);
}

/** RFC 1123 section 2.1 host names, ASCII only: international domains are written as A-labels (`xn--...`). */
function hostNameProblem(host: string): string | undefined {
  if (host.length > 253) return "hostname cannot exceed 253 characters";
  for (const label of host.toLowerCase().replace(/\.$/, "").split(".")) {
    if (label.length === 0 || label.length > 63) {
      return "hostname part must be non-empty and cannot exceed 63 characters";
    }
    if (label.startsWith("-")) return "hostname parts cannot begin with hyphens";
    if (label.endsWith("-")) return "hostname parts cannot end with hyphens";
    const odd = /[^a-z0-9-]/u.exec(label);
    if (odd !== null) {
      return `hostname parts can only contain alphanumeric characters or hyphens, got ${JSON.stringify(odd[0])}`;
    }
  }
  return undefined;
}

function problem(text: string): MailboxResult {
  return { ok: false, problem: text };
}
