/** What a decision needs and may not make itself: the time, the rules in force, randomness, who is calling. */
import type { Caller } from "./caller.ts";
import type { CodeMac } from "./code.ts";
import type { LinkPolicy } from "./url-template.ts";

/** The rules that operators set; see the settings table in README.md for defaults. */
export interface Policy {
  /** How long a code can be used, in milliseconds. */
  readonly codeTtlMs: number;
  /** How many of the newest codes work, 1 to 5. */
  readonly liveCodes: number;
  /** Wrong tries per code and client before that client is refused. */
  readonly maxAttemptsPerClient: number;
  /** Wrong tries per code by all clients together before the code is dead. */
  readonly maxAttemptsPerCode: number;
  /** Wrong tries per address and day, whatever the code, the user and the client; 0 for no such limit. */
  readonly maxFailuresPerDay: number;
  /** How often codes are sent; absent: as often as somebody asks. See user/send-limits.ts. */
  readonly sends?: SendLimits;
  /** The link that a mail carries when the caller sets no template. */
  readonly defaultUrlTemplate: string;
  readonly links: LinkPolicy;
  /** Whether a verified address is told by mail that another took its place. Absent: it is not. */
  readonly addressChangeNotice?: boolean;
}

/** How many codes may be issued, whether mailed or handed to the caller. 0 stands for no such limit. */
export interface SendLimits {
  /** `dry-run`: calls over a limit pass, and their replies say so. */
  readonly mode: "enforce" | "dry-run";
  /** From one code for an address to the next, in milliseconds. */
  readonly cooldownMs: number;
  /** Codes within the hour that begins with the first of them: for an address, whatever the user. */
  readonly perAddress: number;
  /** For a user, whatever the address. */
  readonly perUser: number;
  /** At the wish of one caller, whatever user and address. */
  readonly perPrincipal: number;
  /** Asked for from one IP address, of IPv6 from one /64. */
  readonly perClient: number;
}

/** A freshly drawn code in the two forms that may be stored. */
export interface NewCode {
  readonly codeId: string;
  readonly mac: CodeMac;
  /** For a mail; present where the command may send one. */
  readonly delivery?: NewDelivery;
}

export interface NewDelivery {
  readonly deliveryId: string;
  /** The code sealed with AES-256-GCM, the deliveryId as additional data, base64. */
  readonly sealedCode: string;
  /** What the request says of languages (RFC 9110 section 12.5.4), cut to MAX_ACCEPT_LANGUAGE_LENGTH; "" for nothing. */
  readonly acceptLanguage: string;
}

export const MAX_ACCEPT_LANGUAGE_LENGTH = 200;

/** For the mail to an address that is replaced. */
export type NewNotice = Pick<NewDelivery, "deliveryId" | "acceptLanguage">;

/** Where an event came from, beside its editor. */
export interface EventOrigin {
  /** Answered as `x-request-id`, and found in the log. */
  readonly requestId?: string;
  /** IP address of the client; only where the operator wants it kept. */
  readonly clientAddress?: string;
}

export interface Environment {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly policy: Policy;
  readonly caller: Caller;
  /** What the events say of the request; absent for what Countersign does by itself. */
  readonly origin?: EventOrigin;
  /** IP address that the call came from; absent or "" where unknown. */
  readonly clientAddress?: string;
  /** Present for every command that may issue a code. */
  readonly newCode?: NewCode;
  /** Present for every command that may change an address. */
  readonly newNotice?: NewNotice;
  /** The caller wants mail to be sent even to an address that is known to take none. */
  readonly allowsSuppressed?: boolean;
}
