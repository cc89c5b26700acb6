/** Turns what sessions throw and relays say into facts for the retry rules and a text that may be logged and stored. */
import type { NodemailerError } from "nodemailer";
import type { RelayTry } from "../mail-transport.ts";
import type { Mail } from "../message.ts";
import type { SendFault } from "../retry-policy.ts";
import { NothingLearnt } from "./nothing-learnt.ts";
import { DeliveryFault } from "./session.ts";
import { StepTimeout } from "./time-limits.ts";

const MAX_TEXT_SYMBOLS = 200;
/** The patterns below take quadratic time, and nodemailer lets a reply grow to a megabyte. */
const MAX_READ_CHARACTERS = 1000;
// "550 5.1.1 text", and "550-5.1.1 text" for every line of a reply but its last.
const REPLY_LINE = /^\d{3}(?:[ -](?:(\d\.\d{1,3}\.\d{1,3})\s*)?(.*))?$/;
const LINK = /\b[a-z][a-z0-9+.-]*:\/\/\S*|\bwww\.\S*/giu;
/** Neither addresses nor links: ASCII letters, digits, and what stands between words. */
const PLAIN_WORDS = /^[A-Za-z0-9 ._=+,;()<>[\]-]*$/;
// One quoted string or run of visible characters on either side of the @.
const ADDRESS = /(?:"[^"]*"|[^\s"<>]*)@[^\s<>]*/gu;
const CODE = /^[A-Z][A-Z0-9_]*$/;

/** @param error of nodemailer, Node or a session */
export function faultOf(error: unknown): SendFault {
  const cause = causeOf(error);
  const { code, originalCode, responseCode, response } = cause;
  const errorCodes = [code, originalCode].filter(
    (text): text is string => typeof text === "string" && CODE.test(text),
  );
  const isOutcomeUnknown = error instanceof DeliveryFault && error.isOutcomeUnknown;
  if (typeof response === "string" && !isRefusal(responseCode)) {
    // Neither yes nor no: whatever speaks there, it is not SMTP.
    return { errorCodes: ["EPROTOCOL"], ...(isOutcomeUnknown && { isOutcomeUnknown }) };
  }
  const enhancedCode = typeof response === "string" ? enhancedCodeOf(response) : undefined;
  return {
    errorCodes,
    ...(isRefusal(responseCode) && { replyCode: responseCode }),
    ...(enhancedCode !== undefined && { enhancedCode }),
    ...(isOutcomeUnknown && { isOutcomeUnknown }),
  };
}

/**
 * `550 5.1.1 mailbox unavailable (RCPT TO)`, `ECONNECTION ECONNREFUSED (CONN)`, `no reply to RCPT TO within 20 s`. Relays
 * quote what they refuse: addresses and links are taken out of their text, and whatever else the mail itself holds.
 */
export function describeProblem(error: unknown, mail: Mail): string {
  const cause = causeOf(error);
  if (cause instanceof StepTimeout || cause instanceof NothingLearnt) return cause.message;
  const { errorCodes, replyCode, enhancedCode } = faultOf(error);
  const { command, response } = cause;
  const parts: (string | number | undefined)[] =
    replyCode === undefined
      ? [errorCodes.join(" ") || "unknown error"]
      : [replyCode, enhancedCode, withoutConfidences(textOf(response ?? ""), mail)];
  if (command !== undefined && /^[A-Z][A-Z0-9 -]*$/.test(command)) parts.push(`(${command})`);
  return parts.filter((part) => part !== undefined && part !== "").join(" ");
}

/** What a relay tried, and why it did not take the mail. */
export function failedTry(
  relay: string,
  outcome: "transient" | "permanent",
  error: unknown,
  mail: Mail,
): RelayTry {
  const { replyCode, enhancedCode } = faultOf(error);
  return {
    relay,
    outcome,
    ...(replyCode !== undefined && { replyCode }),
    ...(enhancedCode !== undefined && { enhancedCode }),
    text: describeProblem(error, mail),
  };
}

/** @param reply to the final dot, such as `250 2.0.0 queued as 4F2A` */
export function acceptedTry(relay: string, reply: string, mail: Mail): RelayTry {
  const replyCode = Number(reply.slice(0, 3));
  const enhancedCode = enhancedCodeOf(reply);
  const text = [replyCode, enhancedCode, withoutConfidences(textOf(reply), mail)];
  return {
    relay,
    outcome: "accepted",
    replyCode,
    ...(enhancedCode !== undefined && { enhancedCode }),
    text: text.filter((part) => part !== undefined && part !== "").join(" "),
  };
}

function causeOf(error: unknown): Partial<NodemailerError> {
  const cause: unknown = error instanceof DeliveryFault ? error.cause : error;
  return cause ?? {};
}

function isRefusal(replyCode: unknown): replyCode is number {
  return typeof replyCode === "number" && replyCode >= 400 && replyCode < 600;
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

/**
 * What others say of a mail, without what it holds in confidence: one line of bounded length, and quick to make however
 * long the text is.
 */
export function withoutConfidences(text: string, mail: Mail): string {
  const read = text.slice(0, MAX_READ_CHARACTERS);
  const cleaned = (isHarmless(read, mail) ? read : hideConfidences(read, mail))
    .replace(/[\p{C}\s]+/gu, " ")
    .trim();
  const symbols = Array.from(cleaned);
  return symbols.length <= MAX_TEXT_SYMBOLS ? cleaned : `${symbols.slice(0, MAX_TEXT_SYMBOLS).join("")}...`;
}

/** Most replies are, and to make the patterns for the others takes as long as all the rest of a mail. */
function isHarmless(text: string, mail: Mail): boolean {
  const lowerText = text.toLowerCase();
  if (!PLAIN_WORDS.test(text) || lowerText.includes("www.")) return false;
  return Object.values(confidencesOf(mail)).every(
    (confidence) => confidence === "" || !lowerText.includes(confidence.toLowerCase()),
  );
}

function hideConfidences(text: string, mail: Mail): string {
  const { link, code, address, name, localPart } = confidencesOf(mail);
  const anywhere = alternatives([link, code, address]);
  const asWord = alternatives([name, localPart]) || "(?!)";
  return text
    .replace(new RegExp(anywhere, "giu"), "[hidden]")
    .replace(LINK, "[link]")
    .replace(ADDRESS, "[address]")
    .replace(new RegExp(`(?<![\\p{L}\\p{N}])(?:${asWord})(?![\\p{L}\\p{N}])`, "giu"), "[hidden]");
}

function confidencesOf({ to: { name, address }, request: { code, link } }: Mail) {
  return { link, code, address, name, localPart: address.slice(0, address.lastIndexOf("@")) };
}

/** A pattern that matches any of the texts as they stand. */
function alternatives(texts: readonly string[]): string {
  return texts
    .filter((text) => text !== "")
    .map((text) => text.replace(/[\\^$.*+?()[\]{}|/]/g, String.raw`\$&`))
    .join("|");
}
