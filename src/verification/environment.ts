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
  /** The link that a mail carries when the caller sets no template. */
  readonly defaultUrlTemplate: string;
  readonly links: LinkPolicy;
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

export interface Environment {
  /** Milliseconds since the Unix epoch. */
  readonly nowMs: number;
  readonly policy: Policy;
  readonly caller: Caller;
  /** Present for every command that may issue a code. */
  readonly newCode?: NewCode;
  /** The caller wants mail to be sent even to an address that is known to take none. */
  readonly allowsSuppressed?: boolean;
}
