/**
 * What is tried again, and when: rules and delays as data, and two pure functions that read them.
 *
 * The lines behind the rules: a relay that cannot be reached, or that does not accept Countersign's own credentials or
 * certificates, has said nothing about the mail. A relay that answers 4xx wants a later try (RFC 5321 section 4.2.1);
 * how much later depends on its reason (RFC 3463). A 5xx reply is the mail's end, but for the few that speak of a state
 * that passes. What no rule knows is tried again: the life of the code bounds the tries.
 */

/** What is known of a send that failed. */
export interface SendFault {
  /** Codes of nodemailer and Node, such as ESOCKET and CERT_HAS_EXPIRED. */
  readonly errorCodes: readonly string[];
  /** The relay's reply, such as 550. */
  readonly replyCode?: number;
  /** RFC 3463, such as 5.1.1. */
  readonly enhancedCode?: string;
  /** The whole mail was handed over and no reply came: the relay may have taken it. */
  readonly isOutcomeUnknown?: boolean;
}

/**
 * How long to wait before the next try. The first delay is drawn evenly from `minMs` to `maxMs`; the range doubles with
 * every further try, until its end reaches `capMs`.
 */
export interface RetryDelay {
  readonly minMs: number;
  readonly maxMs: number;
  readonly capMs: number;
}

const SECOND_MS = 1000;
const MINUTE_MS = 60_000;

export const RETRY_DELAYS = {
  /** A fault within Countersign: a thread that died, a store that is away. */
  internal: { minMs: 1 * SECOND_MS, maxMs: 3 * SECOND_MS, capMs: 30 * SECOND_MS },
  /** Networks and restarts mend within seconds, and somebody looks at an empty mailbox. */
  unreachable: { minMs: 2 * SECOND_MS, maxMs: 5 * SECOND_MS, capMs: 2 * MINUTE_MS },
  /** A relay that ends sessions is going down or full, and says so politely. */
  closing: { minMs: 5 * SECOND_MS, maxMs: 10 * SECOND_MS, capMs: 5 * MINUTE_MS },
  /** Only a person mends it, but may do so before the code ends. Often repeated logins lock accounts. */
  misconfigured: { minMs: 30 * SECOND_MS, maxMs: 60 * SECOND_MS, capMs: 10 * MINUTE_MS },
  /** No reason given: something local to the relay that mostly passes soon. */
  later: { minMs: 20 * SECOND_MS, maxMs: 40 * SECOND_MS, capMs: 10 * MINUTE_MS },
  /** Greylisting lets a mail in that comes back after its pause of one to five minutes; sooner ones are in vain. */
  greylisted: { minMs: 1 * MINUTE_MS, maxMs: 2 * MINUTE_MS, capMs: 10 * MINUTE_MS },
  /** More mails would prolong it. */
  throttled: { minMs: 2 * MINUTE_MS, maxMs: 4 * MINUTE_MS, capMs: 15 * MINUTE_MS },
  /** Somebody has to tidy up. */
  mailboxFull: { minMs: 5 * MINUTE_MS, maxMs: 10 * MINUTE_MS, capMs: 30 * MINUTE_MS },
  /**
   * The mail may be in the mailbox already. After some minutes the person has used its code if it is there, and then the
   * next try is cancelled; so a second copy goes only to somebody who probably got none.
   */
  outcomeUnknown: { minMs: 2 * MINUTE_MS, maxMs: 4 * MINUTE_MS, capMs: 10 * MINUTE_MS },
} as const satisfies Record<string, RetryDelay>;

export interface Judgement {
  readonly verdict: "transient" | "permanent";
  /** "relay": nothing was said about the mail, another relay may take it at once. */
  readonly about: "relay" | "mail";
  /** The settings of this installation are wrong, or those of its relay: worth an error in the log. */
  readonly misconfigured: boolean;
  readonly why: string;
  /** Before the next try; of no meaning after a permanent verdict. */
  readonly delay: RetryDelay;
}

/** A rule holds when one of its cases does; the first rule that holds decides. */
export interface SendRule extends Judgement {
  readonly cases: readonly RuleCase[];
}

/** Holds when all that is given holds. */
export interface RuleCase {
  /** Any of the error codes. */
  readonly error?: RegExp;
  readonly reply?: RegExp;
  /** "" stands for a reply without one. */
  readonly enhanced?: RegExp;
  readonly isOutcomeUnknown?: true;
}

const RELAY = { verdict: "transient", about: "relay", misconfigured: false } as const;
const RELAY_MISCONFIGURED = {
  ...RELAY,
  misconfigured: true,
  delay: RETRY_DELAYS.misconfigured,
} as const;
const MAIL = { verdict: "transient", about: "mail", misconfigured: false } as const;
const NEVER = {
  verdict: "permanent",
  about: "mail",
  misconfigured: false,
  delay: RETRY_DELAYS.later,
} as const;

export const SEND_RULES: readonly SendRule[] = [
  {
    cases: [{ isOutcomeUnknown: true }],
    ...RELAY,
    delay: RETRY_DELAYS.outcomeUnknown,
    why: "no reply to the whole mail, the relay may have taken it",
  },

  // Logging in and TLS.
  {
    // RFC 4954 section 6: 454 4.7.0 temporary authentication failure.
    cases: [{ error: /^EAUTH$/, reply: /^4\d\d$/ }],
    ...RELAY,
    delay: RETRY_DELAYS.closing,
    why: "the relay cannot check credentials now",
  },
  {
    cases: [{ error: /^(EAUTH|ENOAUTH|EOAUTH2)$/ }],
    ...RELAY_MISCONFIGURED,
    why: "the relay refuses the credentials",
  },
  {
    cases: [{ error: /CERT|^(ETLS|EREQUIRETLS|EPROTO|HOSTNAME_MISMATCH)$|^ERR_(TLS|SSL)_/ }],
    ...RELAY_MISCONFIGURED,
    why: "no TLS that can be trusted",
  },
  {
    // RFC 4954 section 6; 530 and 538 ask for a login or for encryption before it.
    cases: [{ reply: /^(530|534|535|538)$/ }, { reply: /^[45]\d\d$/, enhanced: /^[45]\.7\.8$/ }],
    ...RELAY_MISCONFIGURED,
    why: "the relay wants other credentials",
  },

  // Reaching the relay.
  {
    cases: [{ error: /^(EAI_AGAIN|ETIMEOUT|ESERVFAIL|EREFUSED)$/ }],
    ...RELAY,
    delay: RETRY_DELAYS.unreachable,
    why: "names cannot be resolved now",
  },
  {
    cases: [{ error: /^(EDNS|ENOTFOUND|EAI_\w+)$/ }],
    ...RELAY_MISCONFIGURED,
    why: "the relay's name cannot be resolved",
  },
  {
    cases: [{ error: /^(EACCES|EPERM)$/ }],
    ...RELAY_MISCONFIGURED,
    why: "this machine does not let Countersign connect",
  },
  {
    cases: [{ error: /^(EMFILE|ENFILE|ENOBUFS|ENOMEM|EADDRNOTAVAIL|EADDRINUSE)$/ }],
    ...RELAY,
    delay: RETRY_DELAYS.internal,
    why: "this machine has no socket to spare",
  },

  // What the relay says of itself.
  {
    cases: [
      { reply: /^421$/, enhanced: /^4\.(3\.2|5\.3|7\.0|7\.1|7\.28)$/ },
      { reply: /^4\d\d$/, enhanced: /^4\.(3\.2|7\.28)$/ },
      // Without an error code of logging in or TLS: what senders of bulk mail answer above their rate.
      { reply: /^454$/ },
    ],
    ...RELAY,
    delay: RETRY_DELAYS.throttled,
    why: "the relay takes no more mail now",
  },
  { cases: [{ reply: /^421$/ }], ...RELAY, delay: RETRY_DELAYS.closing, why: "the relay is closing" },
  {
    // A refused greeting or EHLO, and whatever is not SMTP.
    cases: [{ error: /^EPROTOCOL$/ }],
    ...RELAY,
    delay: RETRY_DELAYS.closing,
    why: "the relay refuses the session",
  },
  {
    cases: [{ error: /^(ECONNECTION|ESOCKET|ETIMEDOUT|EABORT|EPROXY)$|^E(CONN|HOST|NET)[A-Z]+$|^EPIPE$/ }],
    ...RELAY,
    delay: RETRY_DELAYS.unreachable,
    why: "no session with the relay, or a broken one",
  },

  // What the relay says of the mail.
  { cases: [{ reply: /^503$/ }], ...MAIL, delay: RETRY_DELAYS.later, why: "the session was out of step" },
  { cases: [{ enhanced: /^5\.3\.4$/ }], ...NEVER, why: "the relay takes no mail of this size" },
  {
    cases: [{ reply: /^552$/ }, { reply: /^[45]\d\d$/, enhanced: /^[45]\.2\.2$/ }],
    ...MAIL,
    delay: RETRY_DELAYS.mailboxFull,
    why: "the mailbox is full",
  },
  {
    cases: [{ reply: /^4\d\d$/, enhanced: /^4\.(2\.1|5\.3|7\.0)$/ }],
    ...MAIL,
    delay: RETRY_DELAYS.throttled,
    why: "too many mails for this recipient or from this sender",
  },
  {
    cases: [{ reply: /^45[01]$/, enhanced: /^4\.(2\.0|7\.1)$/ }],
    ...MAIL,
    delay: RETRY_DELAYS.greylisted,
    why: "greylisting",
  },
  {
    cases: [{ reply: /^4\d\d$/ }],
    ...MAIL,
    delay: RETRY_DELAYS.later,
    why: "the relay asks for a later try",
  },
  { cases: [{ reply: /^5\d\d$/ }], ...NEVER, why: "the relay refuses the mail" },
  {
    cases: [{ error: /^(EENVELOPE|EMESSAGE|EMAXRECIPIENTS|ESTREAM|EFILEACCESS|EURLACCESS)$/ }],
    ...NEVER,
    why: "the mail cannot be sent as it is",
  },
];

const UNKNOWN: Judgement = { ...RELAY, delay: RETRY_DELAYS.unreachable, why: "not known" };

export function judge(fault: SendFault): Judgement {
  return SEND_RULES.find(({ cases }) => cases.some((each) => holds(each, fault))) ?? UNKNOWN;
}

function holds({ error, reply, enhanced, isOutcomeUnknown }: RuleCase, fault: SendFault): boolean {
  return (
    (error === undefined || fault.errorCodes.some((code) => error.test(code))) &&
    (reply === undefined || reply.test(String(fault.replyCode ?? ""))) &&
    (enhanced === undefined || enhanced.test(fault.enhancedCode ?? "")) &&
    (isOutcomeUnknown === undefined || fault.isOutcomeUnknown === true)
  );
}

/** The last try is this long before the code ends, or a tenth of the code's life when that is shorter. */
export const LAST_TRY_BEFORE_EXPIRY_MS = 60_000;

export interface FailedTry {
  /** 1 for the first. */
  readonly attempt: number;
  readonly nowMs: number;
  /** When the mail was queued and when its code ends. */
  readonly queuedAtMs: number;
  readonly expiresAtMs: number;
  readonly delay: RetryDelay;
  /** 0 to 1, as Math.random. */
  readonly random: () => number;
}

/** @returns when to try next, in milliseconds since the Unix epoch; undefined when the last try is over */
export function nextAttempt(failed: FailedTry): number | undefined {
  const { attempt, nowMs, queuedAtMs, expiresAtMs, delay, random } = failed;
  const margin = Math.min(LAST_TRY_BEFORE_EXPIRY_MS, (expiresAtMs - queuedAtMs) / 10);
  const lastTryMs = Math.floor(expiresAtMs - margin);
  if (nowMs >= lastTryMs) return undefined;
  // The whole range grows, and stops growing as one: at the cap the tries of many mails stay spread too.
  const growth = Math.min(2 ** (attempt - 1), delay.capMs / delay.maxMs);
  const drawn = delay.minMs + random() * (delay.maxMs - delay.minMs);
  return Math.min(Math.round(nowMs + drawn * growth), lastTryMs);
}
