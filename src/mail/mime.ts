/**
 * Writes a mail as the bytes that relays carry: RFC 5322 with MIME (RFC 2045 to 2047), a text part and an HTML part.
 *
 * The same mail gives the same bytes at every try. Whatever a name or a subject holds, it cannot begin a header of its own:
 * what is not plain ASCII on one line is written as encoded words.
 */
import { createHash } from "node:crypto";
import type { Mail, MailAddress } from "./message.ts";

const CRLF = "\r\n";
/** RFC 5322 section 2.1.1, less the line break; RFC 2047 section 2 for lines with encoded words. */
const MAX_LINE = 76;
// A line has room for `Subject: `, for `=?UTF-8?B?` and `?=`, and for the base64 of these.
const MAX_ENCODED_WORD_BYTES = 39;

const PRINTABLE = /^[\x20-\x7E]*$/;
// RFC 5322 section 3.2.3: a display name of these needs no quotes.
const ATOMS = /^[A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+(?: [A-Za-z0-9!#$%&'*+\-/=?^_`{|}~]+)*$/;
const HEADER_NAME = /^[A-Za-z][A-Za-z0-9-]*$/;
const ASCII_LINES = /^[\r\n\x20-\x7E]*$/;
const LINE_BREAK = /\r\n|\r|\n/;

/** The addresses as they are to stand in the headers: checked, their domains in ASCII. */
export interface HeaderAddresses {
  readonly from: string;
  readonly to: string;
}

/** @throws RangeError when the Message-ID or the name of a header is none */
export function writeMime(mail: Mail, addresses: HeaderAddresses): Buffer {
  const { messageId, subject, text, html, headers } = mail;
  if (!PRINTABLE.test(messageId)) throw new RangeError("a Message-ID has to be printable ASCII");
  // No other mail has this Message-ID, and nobody knows it when the text is written: it cannot stand in there.
  const boundary = `=_${createHash("sha256").update(messageId).digest("hex").slice(0, 32)}`;
  const lines = [
    `From: ${mailbox(mail.from, addresses.from)}`,
    `To: ${mailbox(mail.to, addresses.to)}`,
    header("Subject", subject),
    `Message-ID: ${messageId}`,
    ...Object.entries(headers).map(([name, value]) => header(name, value)),
    "MIME-Version: 1.0",
    `Content-Type: multipart/alternative;${CRLF} boundary="${boundary}"`,
    "",
    `--${boundary}`,
    part("text/plain", text),
    `--${boundary}`,
    part("text/html", html),
    `--${boundary}--`,
    "",
  ];
  return Buffer.from(lines.join(CRLF), "utf8");
}

function header(name: string, value: string): string {
  if (!HEADER_NAME.test(name)) throw new RangeError(`${JSON.stringify(name)} is no name of a header`);
  const isPlain =
    PRINTABLE.test(value) &&
    name.length + 2 + value.length <= MAX_LINE &&
    value.trim() === value &&
    !value.includes("=?");
  return `${name}: ${isPlain ? value : encodedWords(value)}`;
}

function mailbox({ name }: MailAddress, address: string): string {
  if (name === "") return address;
  const phrase = displayName(name);
  const gap = phrase.length + address.length + "From:  <>".length <= MAX_LINE ? " " : `${CRLF} `;
  return `${phrase}${gap}<${address}>`;
}

function displayName(name: string): string {
  if (!PRINTABLE.test(name) || name.length > MAX_LINE - 10 || name.includes("=?")) return encodedWords(name);
  return ATOMS.test(name) ? name : `"${name.replace(/["\\]/g, String.raw`\$&`)}"`;
}

/** RFC 2047, each word on its line. A word holds whole characters. */
function encodedWords(text: string): string {
  const words: string[] = [];
  let word = "";
  let bytes = 0;
  for (const symbol of text) {
    const size = Buffer.byteLength(symbol);
    if (bytes + size > MAX_ENCODED_WORD_BYTES) {
      words.push(encodedWord(word));
      word = "";
      bytes = 0;
    }
    word += symbol;
    bytes += size;
  }
  if (word !== "") words.push(encodedWord(word));
  return words.join(`${CRLF} `);
}

function encodedWord(text: string): string {
  return `=?UTF-8?B?${Buffer.from(text, "utf8").toString("base64")}?=`;
}

/** Headers and content of one part, with the line break before the next boundary. */
function part(type: string, content: string): string {
  const lines = content.split(content.includes("\r") ? LINE_BREAK : "\n");
  const isQuoted = !ASCII_LINES.test(content) || lines.some((line) => line.length > MAX_LINE);
  const encoded = isQuoted ? lines.map(quotedPrintable) : lines;
  return [
    `Content-Type: ${type}; charset=utf-8`,
    `Content-Transfer-Encoding: ${isQuoted ? "quoted-printable" : "7bit"}`,
    "",
    ...encoded,
  ].join(CRLF);
}

// Printable ASCII but "=", and no white space at the end.
const STANDS_AS_IT_IS = /^(?:[\x20-\x3C\x3E-\x7E]*[\x21-\x3C\x3E-\x7E])?$/;

const NOT_LITERAL = /[^\x20-\x3C\x3E-\x7E]/gu;

/** RFC 2045 section 6.7, for one line. */
function quotedPrintable(line: string): string {
  if (line.length <= MAX_LINE && STANDS_AS_IT_IS.test(line)) return line;
  // All of HTML is full of signs of equality, and mostly of nothing else that has to be quoted.
  const characters = PRINTABLE.test(line)
    ? line.replaceAll("=", "=3D")
    : line.replace(NOT_LITERAL, quotedCharacter);
  const quoted = characters.endsWith(" ") ? `${characters.slice(0, -1)}=20` : characters;
  let written = "";
  let start = 0;
  while (quoted.length - start > MAX_LINE) {
    let end = start + MAX_LINE - 1;
    // Not within `=3D`: a sign of equality begins three characters that belong together.
    if (quoted[end - 1] === "=") end -= 1;
    else if (quoted[end - 2] === "=") end -= 2;
    written += `${quoted.slice(start, end)}=${CRLF}`;
    start = end;
  }
  return written + quoted.slice(start);
}

/** One byte as `=C3`. */
const QUOTED = Array.from(
  { length: 256 },
  (_, byte) => `=${byte.toString(16).toUpperCase().padStart(2, "0")}`,
);

function quotedCharacter(character: string): string {
  let quoted = "";
  for (const byte of Buffer.from(character, "utf8")) quoted += QUOTED[byte];
  return quoted;
}
