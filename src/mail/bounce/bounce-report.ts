/**
 * Reads delivery status notifications (RFC 3464): what servers send back when they could not deliver a mail.
 *
 * Such a mail holds a part of type message/delivery-status, with one group of fields about the report and one for each
 * recipient, and the mail that came back, or its header, whose Message-ID tells which mail it was. Our mails have one
 * recipient; of several groups the worst counts.
 */
import type { BounceReading, BounceType } from "../../store/deliveries.ts";
import { entitiesOf, parseEntity, parseFields, type MimeEntity } from "./mime-entity.ts";

const STATUS_TYPES = new Set(["message/delivery-status", "message/global-delivery-status"]);
const ORIGINAL_TYPES = new Set([
  "message/rfc822",
  "text/rfc822-headers",
  "message/global",
  "message/global-headers",
]);
/** RFC 3463 section 2. */
const STATUS = /\b([245])\.(\d{1,3})\.(\d{1,3})\b/;
const MAX_TEXT_SYMBOLS = 500;
/** The worst first. */
const ACTIONS = ["failed", "delayed", "delivered", "relayed", "expanded"];

type Fields = ReadonlyMap<string, string>;

interface RecipientStatus {
  readonly fields: Fields;
  readonly action: string;
}

/** @param raw the whole mail; never throws, whatever it is */
export function readBounceReport(raw: Uint8Array): BounceReading {
  const mail = parseEntity(Buffer.from(raw).toString("latin1"));
  const entities = [...entitiesOf(mail)];
  const status = entities.find(({ type }) => STATUS_TYPES.has(type));
  if (status === undefined) return lacks("it has no part of type message/delivery-status");
  const [report, ...recipients] = groupsOf(status.body);
  const worst = worstOf(recipients);
  if (report === undefined || worst === undefined) {
    return lacks("its delivery status has no group of fields for a recipient");
  }
  const { fields, action } = worst;
  if (action === "") return lacks("its delivery status has no field Action");
  if (action !== "failed" && action !== "delayed") {
    return lacks(`its delivery status says "${action.slice(0, 20)}", which is no bounce`);
  }
  const code = STATUS.exec(fields.get("status") ?? "") ?? STATUS.exec(fields.get("diagnostic-code") ?? "");
  if (code === null || code[1] === "2") {
    return lacks("its delivery status has no field Status with the code of a fault, such as 5.1.1");
  }
  const messageId = originalMessageId(mail, entities);
  if (messageId === undefined) {
    return lacks(
      "it does not hold the Message-ID of the mail that came back, in a part of type message/rfc822",
    );
  }
  const enhancedCode = code[0];
  const type: BounceType = action === "delayed" ? "delayed" : code[1] === "5" ? "permanent" : "transient";
  return {
    ok: true,
    report: {
      messageId,
      type,
      suppresses: type === "permanent" && isAboutAddress(enhancedCode),
      enhancedCode,
      diagnostic: withoutType(fields.get("diagnostic-code") ?? ""),
      reportingServer: withoutType(report.get("reporting-mta") ?? ""),
    },
  };
}

/**
 * Whether a permanent code speaks of the address, rather than of this mail, its size, its sender or the way: only then
 * would any other mail come back too. Subjects and details of RFC 3463 section 3, and of its registry.
 */
export function isAboutAddress(enhancedCode: string): boolean {
  const [, subject, detail] = enhancedCode.split(".");
  switch (subject) {
    // Undefined, and addressing, but for the sender's own address.
    case "0":
      return true;
    case "1":
      return detail !== "7" && detail !== "8";
    // Mailboxes: not one that is full, or that this mail is too long for.
    case "2":
      return detail === "0" || detail === "1";
    // Routing: the domain has no way to it, or takes no mail.
    case "4":
      return detail === "3" || detail === "4";
    default:
      return false;
  }
}

/** Groups of fields stand apart by empty lines. */
function groupsOf(body: string): Fields[] {
  const groups: string[][] = [[]];
  for (const line of body.split(/\r?\n/)) {
    if (line.trim() === "") groups.push([]);
    else groups.at(-1)?.push(line);
  }
  return groups.map(parseFields).filter((fields) => fields.size > 0);
}

function worstOf(recipients: readonly Fields[]): RecipientStatus | undefined {
  const rank = (action: string) => (ACTIONS.includes(action) ? ACTIONS.indexOf(action) : ACTIONS.length);
  return recipients
    .map((fields) => ({ fields, action: (fields.get("action") ?? "").toLowerCase() }))
    .toSorted((one, other) => rank(one.action) - rank(other.action))[0];
}

/** From the mail that came back, or else from what the report answers to. */
function originalMessageId(report: MimeEntity, entities: readonly MimeEntity[]): string | undefined {
  const original = entities.find(({ type }) => ORIGINAL_TYPES.has(type));
  const returned = original && parseEntity(original.body).fields.get("message-id");
  const { fields } = report;
  return idIn(returned) ?? idIn(fields.get("in-reply-to")) ?? idIn(fields.get("references"));
}

function idIn(field: string | undefined): string | undefined {
  return /<([^<>\s]{1,990})>/.exec(field ?? "")?.[1];
}

/** `smtp; 550 no such user`, `dns; mx.example.net`: what stands before the semicolon says how to read it. */
function withoutType(field: string): string {
  const text = field.replace(/^\s{0,10}[\w-]{1,20}\s{0,10};/, "");
  const cleaned = Buffer.from(text, "latin1")
    .toString("utf8")
    .replace(/[\p{C}\s]+/gu, " ")
    .trim();
  return Array.from(cleaned).slice(0, MAX_TEXT_SYMBOLS).join("");
}

function lacks(problem: string): BounceReading {
  return { ok: false, problem };
}
