/**
 * What is tried again, and when: rules as data, and two pure functions that read them.
 *
 * The lines behind the rules: a relay that cannot be reached, or that does not accept Countersign's own credentials or
 * certificates, has said nothing about the mail; neither has a relay that answers 4xx. A 5xx reply is the mail's end
 * (RFC 5321 section 4.2.1), but for the few that speak of a state that passes. What no rule knows is tried again:
 * the life of the code bounds the tries.
 */

/** What is known of a send that failed. */
export interface SendFault {
  /** Codes of nodemailer and Node, such as ESOCKET and CERT_HAS_EXPIRED. */
  readonly errorCodes: readonly string[];
  /** The relay's reply, such as 550. */
  readonly replyCode?: number;
  /** RFC 3463, such as 5.1.1. */
  readonly enhancedCode?: string;
}

export interface Judgement {
  readonly verdict: "transient" | "permanent";
  /** "relay": nothing was said about the mail, another relay may take it at once. */
  readonly about: "relay" | "mail";
  /** The settings of this installation are wrong, or those of its relay: worth an error in the log. */
  readonly misconfigured: boolean;
  readonly why: string;
}

/** A rule holds when any of its patterns matches; the first rule that holds decides. */
interface Rule extends Judgement {
  readonly error?: RegExp;
  readonly reply?: RegExp;
  readonly enhanced?: RegExp;
}

const RELAY = { verdict: "transient", about: "relay", misconfigured: false } as const;
const RELAY_MISCONFIGURED = { ...RELAY, misconfigured: true } as const;
const LATER = { verdict: "transient", about: "mail", misconfigured: false } as const;
const NEVER = { verdict: "permanent", about: "mail", misconfigured: false } as const;

export const SEND_RULES: readonly Rule[] = [
  { error: /^(EAUTH|ENOAUTH|EOAUTH2)$/, ...RELAY_MISCONFIGURED, why: "the relay refuses the credentials" },
  {
    error: /CERT|^(ETLS|EREQUIRETLS|EPROTO|HOSTNAME_MISMATCH)$|^ERR_(TLS|SSL)_/,
    ...RELAY_MISCONFIGURED,
    why: "no TLS that can be trusted",
  },
  { error: /^(EDNS|ENOTFOUND|EAI_\w+)$/, ...RELAY_MISCONFIGURED, why: "the relay's name cannot be resolved" },
  {
    error: /^(ECONNECTION|ESOCKET|ETIMEDOUT|EABORT|EPROTOCOL|EPROXY)$/,
    ...RELAY,
    why: "no session with the relay, or a broken one",
  },
  { reply: /^421$/, ...RELAY, why: "the relay is closing" },
  {
    reply: /^(530|534|535|538)$/,
    enhanced: /^[45]\.7\.(8|9|10|11)$/,
    ...RELAY_MISCONFIGURED,
    why: "the relay wants other credentials",
  },
  { reply: /^503$/, ...LATER, why: "the session was out of step" },
  { reply: /^552$/, enhanced: /^[45]\.2\.2$/, ...LATER, why: "the mailbox is full" },
  { reply: /^4\d\d$/, ...LATER, why: "the relay asks for a later try" },
  { reply: /^5\d\d$/, ...NEVER, why: "the relay refuses the mail" },
  {
    error: /^(EENVELOPE|EMESSAGE|EMAXRECIPIENTS|ESTREAM|EFILEACCESS|EURLACCESS)$/,
    ...NEVER,
    why: "the mail cannot be sent as it is",
  },
];

const UNKNOWN: Judgement = { ...RELAY, why: "not known" };

export function judge(fault: SendFault): Judgement {
  const reply = fault.replyCode === undefined ? "" : String(fault.replyCode);
  const holds = ({ error, reply: replies, enhanced }: Rule) =>
    fault.errorCodes.some((code) => error?.test(code)) ||
    replies?.test(reply) === true ||
    enhanced?.test(fault.enhancedCode ?? "") === true;
  return SEND_RULES.find(holds) ?? UNKNOWN;
}

/** Delays between tries: the first one, doubled after every try up to the longest. */
export interface RetrySchedule {
  readonly firstDelayMs: number;
  readonly maxDelayMs: number;
  /** Every delay is longer or shorter by up to this share, so that many mails do not come back at once. 0 to 1. */
  readonly jitter: number;
  /** The last try is this long before the code ends, or a tenth of the code's life when that is shorter. */
  readonly lastTryBeforeExpiryMs: number;
}

export const RETRY_SCHEDULE: RetrySchedule = {
  firstDelayMs: 5_000,
  maxDelayMs: 600_000,
  jitter: 0.2,
  lastTryBeforeExpiryMs: 60_000,
};

export interface FailedTry {
  /** 1 for the first. */
  readonly attempt: number;
  readonly nowMs: number;
  /** When the mail was queued and when its code ends. */
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
  /** 0 to 1, as Math.random. */
  readonly random: () => number;
}

/** @returns when to try next, in milliseconds since the Unix epoch; undefined when the last try is over */
export function nextAttempt(failed: FailedTry, schedule: RetrySchedule = RETRY_SCHEDULE): number | undefined {
  const { attempt, nowMs, queuedAtMs, expiresAtMs, random } = failed;
  const margin = Math.min(schedule.lastTryBeforeExpiryMs, (expiresAtMs - queuedAtMs) / 10);
  const lastTryMs = Math.floor(expiresAtMs - margin);
  if (nowMs >= lastTryMs) return undefined;
  const delay = Math.min(schedule.firstDelayMs * 2 ** (attempt - 1), schedule.maxDelayMs);
  const spread = 1 + schedule.jitter * (2 * random() - 1);
  return Math.min(Math.round(nowMs + delay * spread), lastTryMs);
}
