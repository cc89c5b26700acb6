/**
 * How long each step of an SMTP session may take.
 *
 * RFC 5321 section 4.5.3.2 gives a client minutes for each, with people's letters in mind. A code lives for an hour or
 * less and somebody waits for it: so these are seconds. Only the reply to the final dot keeps a minute, for giving up
 * there is what makes a mail arrive twice. A limit holds for the whole step: a relay that sends a byte now and then does
 * not win time with it.
 */

/** Milliseconds. */
export interface SmtpTimeLimits {
  /** Looking up the relay's name and connecting to its addresses. Default 10,000. */
  readonly connectMs: number;
  /** Handshake of TLS, from the first byte or after STARTTLS. Default 10,000. */
  readonly tlsMs: number;
  /** Default 10,000. */
  readonly greetingMs: number;
  /** Reply to EHLO (or HELO), before and after STARTTLS. Default 10,000. */
  readonly helloMs: number;
  /** Reply to STARTTLS. Default 10,000. */
  readonly startTlsMs: number;
  /** Logging in, with all its commands. Default 10,000. */
  readonly authMs: number;
  /** Reply to MAIL FROM. Default 10,000. */
  readonly mailMs: number;
  /** Reply to RCPT TO: relays ask others about recipients. Default 20,000. */
  readonly rcptMs: number;
  /** Reply to DATA. Default 10,000. */
  readonly dataMs: number;
  /** Writing the mail. Default 20,000. */
  readonly bodyMs: number;
  /** Reply to the final dot. Default 60,000. */
  readonly finalReplyMs: number;
  /**
   * From the call of send() to the final dot, with all relays, permits and waits for a free connection: later no dot is
   * written. So a send ends within this and `finalReplyMs`. Default 30,000.
   */
  readonly untilFinalDotMs: number;
}

export const SMTP_TIME_LIMITS: SmtpTimeLimits = {
  connectMs: 10_000,
  tlsMs: 10_000,
  greetingMs: 10_000,
  helloMs: 10_000,
  startTlsMs: 10_000,
  authMs: 10_000,
  mailMs: 10_000,
  rcptMs: 20_000,
  dataMs: 10_000,
  bodyMs: 20_000,
  finalReplyMs: 60_000,
  untilFinalDotMs: 30_000,
};

/** What a session waits for. */
export type Step =
  | "connect"
  | "tls"
  | "greeting"
  | "hello"
  | "startTls"
  | "auth"
  | "mail"
  | "rcpt"
  | "data"
  | "body"
  | "finalReply"
  | "idle";

const MISSING: Readonly<Record<Exclude<Step, "idle">, string>> = {
  connect: "no connection",
  tls: "no TLS handshake",
  greeting: "no greeting",
  hello: "no reply to EHLO",
  startTls: "no reply to STARTTLS",
  auth: "no reply to AUTH",
  mail: "no reply to MAIL FROM",
  rcpt: "no reply to RCPT TO",
  data: "no reply to DATA",
  body: "the mail was not read",
  finalReply: "no reply to the final dot",
};

/** A step took too long. Its message may be logged and stored: `no reply to RCPT TO within 20 s`. */
export class StepTimeout extends Error {
  readonly code = "ETIMEDOUT";

  constructor(step: Exclude<Step, "idle">, limitMs: number) {
    super(`${MISSING[step]} within ${limitMs / 1000} s`);
  }
}

/** @returns the time that the step may take, in milliseconds, when the final dot has to be out by `untilMs` */
export function limitOf(
  step: Exclude<Step, "idle">,
  limits: SmtpTimeLimits,
  untilMs: number,
  nowMs: number,
): number {
  const limitMs = limits[`${step}Ms`];
  return step === "finalReply" ? limitMs : Math.max(0, Math.min(limitMs, Math.round(untilMs - nowMs)));
}
