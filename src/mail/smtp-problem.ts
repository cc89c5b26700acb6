/** Turns what nodemailer throws into facts for the retry rules and a text that may be logged and stored. */
import type { NodemailerError } from "nodemailer";
import type { Mail } from "./message.ts";
import type { SendFault } from "./retry-policy.ts";

const MAX_TEXT_SYMBOLS = 200;
/** The patterns below take quadratic time, and nodemailer lets a reply grow to a megabyte. */
const MAX_READ_CHARACTERS = 1000;
// "550 5.1.1 text", and "550-5.1.1 text" for every line of a reply but its last.
const REPLY_LINE = /^\d{3}(?:[ -](?:(\d\.\d{1,3}\.\d{1,3})\s*)?(.*))?$/;
const LINK = /\b[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S*/giu;
// One quoted string or run of visible characters on either side of the @.
const ADDRESS = /(?:"[^"]*"|[^\s"<>]*)@[^\s<>]*/gu;
const CODE = /^[A-Z][A-Z0-9_]*$/;

export function faultOf(error: unknown): SendFault {
  const { code, originalCode, responseCode, response } = (error ?? {}) as Partial<NodemailerError>;
  const enhancedCode = response === undefined ? undefined : enhancedCodeOf(response);
  return {
    errorCodes: [code, originalCode].filter(
      (text) => typeof text === "string" && CODE.test(text),
    ) as string[],
    ...(typeof responseCode === "number" && { replyCode: responseCode }),
    ...(enhancedCode !== undefined && { enhancedCode }),
  };
}

/**
 * `550 5.1.1 mailbox unavailable (RCPT TO)`, `ECONNECTION ECONNREFUSED (CONN)`. Relays quote what they refuse: addresses
 * and links are taken out of their text, and whatever else the mail itself holds.
 */
export function describeProblem(error: unknown, mail: Mail): string {
  const { errorCodes, replyCode, enhancedCode } = faultOf(error);
  const { command, response } = (error ?? {}) as Partial<NodemailerError>;
  const parts: (string | number | undefined)[] =
    replyCode === undefined
      ? [errorCodes.join(" ") || "unknown error"]
      : [replyCode, enhancedCode, withoutConfidences(textOf(response ?? ""), mail)];
  if (command !== undefined && /^[A-Z][A-Z0-9 -]*$/.test(command)) parts.push(`(${command})`);
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

function enhancedCodeOf(response: string): string | undefined {
  const lastLine = response.trimEnd().split(/\r?\n/).at(-1) ?? "";
  return REPLY_LINE.exec(lastLine)?.[1];
}

function textOf(response: string): string {
  return response
    .split(/\r?\n/)
    .map((line) => line.replace(REPLY_LINE, "$2"))
    .join(" ");
}

function withoutConfidences(text: string, { to, code, link }: Mail): string {
  const localPart = to.address.slice(0, to.address.lastIndexOf("@"));
  const anywhere = alternatives([link, code, to.address]);
  const asWord = alternatives([to.name, localPart]);
  const cleaned = text
    .slice(0, MAX_READ_CHARACTERS)
    .replace(new RegExp(anywhere, "giu"), "[hidden]")
    .replace(LINK, "[link]")
    .replace(ADDRESS, "[address]")
    .replace(new RegExp(`(?<![\\p{L}\\p{N}])(?:${asWord})(?![\\p{L}\\p{N}])`, "giu"), "[hidden]")
    .replace(/[\p{C}\s]+/gu, " ")
    .trim();
  const symbols = Array.from(cleaned);
  return symbols.length <= MAX_TEXT_SYMBOLS ? cleaned : `${symbols.slice(0, MAX_TEXT_SYMBOLS).join("")}...`;
}

/** A pattern that matches any of the texts as they stand. */
function alternatives(texts: readonly string[]): string {
  return texts
    .filter((text) => text !== "")
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`))
    .join("|");
}
