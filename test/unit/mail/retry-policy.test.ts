// What is tried again, and when: one line per row of the table, and what holds for all of them.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  judge,
  nextAttempt,
  RETRY_DELAYS,
  SEND_RULES,
  type RetryDelay,
  type SendFault,
} from "../../../src/mail/retry-policy.ts";

type Row = readonly [
  name: string,
  fault: SendFault,
  verdict: "transient" | "permanent",
  about: "relay" | "mail",
  delay: keyof typeof RETRY_DELAYS,
  misconfigured?: true,
];

function reply(replyCode: number, enhancedCode?: string, errorCode = "EENVELOPE"): SendFault {
  return { errorCodes: [errorCode], replyCode, ...(enhancedCode !== undefined && { enhancedCode }) };
}

function error(...errorCodes: string[]): SendFault {
  return { errorCodes };
}

// The delay of a permanent verdict is never used.
const ROWS: readonly Row[] = [
  ["mailbox unknown", reply(550, "5.1.1"), "permanent", "mail", "later"],
  ["policy", reply(554, "5.7.1"), "permanent", "mail", "later"],
  ["policy of a provider that has its own idea of 5.7.9", reply(554, "5.7.9"), "permanent", "mail", "later"],
  ["bad syntax", reply(501), "permanent", "mail", "later"],
  ["name not allowed", reply(553), "permanent", "mail", "later"],
  ["too large", reply(552, "5.3.4"), "permanent", "mail", "later"],
  ["an address the library refuses", error("EENVELOPE"), "permanent", "mail", "later"],
  ["a mail too large for what EHLO said", error("EMESSAGE"), "permanent", "mail", "later"],

  ["mailbox full, by its code", reply(552), "transient", "mail", "mailboxFull"],
  ["mailbox full, by its enhanced code", reply(550, "5.2.2"), "transient", "mail", "mailboxFull"],
  ["mailbox full for now", reply(452, "4.2.2"), "transient", "mail", "mailboxFull"],
  ["greylisting", reply(451, "4.7.1"), "transient", "mail", "greylisted"],
  ["greylisting, as others say it", reply(450, "4.2.0"), "transient", "mail", "greylisted"],
  ["greylisting after the mail", reply(450, "4.7.1", "EMESSAGE"), "transient", "mail", "greylisted"],
  ["too many mails", reply(452, "4.5.3"), "transient", "mail", "throttled"],
  ["too many for one mailbox", reply(450, "4.2.1"), "transient", "mail", "throttled"],
  ["rate limited", reply(450, "4.7.0"), "transient", "mail", "throttled"],
  ["mailbox busy", reply(450), "transient", "mail", "later"],
  ["local error", reply(451, "4.3.0"), "transient", "mail", "later"],
  ["disk full", reply(452, "4.3.1"), "transient", "mail", "later"],
  ["out of step", reply(503), "transient", "mail", "later"],

  ["rate limited, by client", reply(450, "4.7.28"), "transient", "relay", "throttled"],
  ["rate limited, and closing", reply(421, "4.7.0"), "transient", "relay", "throttled"],
  ["not accepting mail", reply(450, "4.3.2"), "transient", "relay", "throttled"],
  ["above the sending rate", reply(454), "transient", "relay", "throttled"],
  ["closing", reply(421), "transient", "relay", "closing"],
  ["closing, idle", reply(421, "4.4.2"), "transient", "relay", "closing"],
  ["closing instead of a greeting", reply(421, undefined, "EPROTOCOL"), "transient", "relay", "closing"],
  ["refused greeting", reply(554, undefined, "EPROTOCOL"), "transient", "relay", "closing"],
  ["no SMTP at all", error("EPROTOCOL"), "transient", "relay", "closing"],

  ["authentication required", reply(530), "transient", "relay", "misconfigured", true],
  ["authentication failed", reply(535, "5.7.8", "EAUTH"), "transient", "relay", "misconfigured", true],
  ["authentication failed, late", reply(550, "5.7.8"), "transient", "relay", "misconfigured", true],
  ["mechanism too weak", reply(534, "5.7.9"), "transient", "relay", "misconfigured", true],
  ["encryption required", reply(538), "transient", "relay", "misconfigured", true],
  ["missing credentials", error("EAUTH"), "transient", "relay", "misconfigured", true],
  ["credentials cannot be checked", reply(454, "4.7.0", "EAUTH"), "transient", "relay", "closing"],
  ["refused STARTTLS", reply(454, undefined, "ETLS"), "transient", "relay", "misconfigured", true],
  ["old certificate", error("ESOCKET", "CERT_HAS_EXPIRED"), "transient", "relay", "misconfigured", true],
  [
    "self-signed",
    error("ESOCKET", "DEPTH_ZERO_SELF_SIGNED_CERT"),
    "transient",
    "relay",
    "misconfigured",
    true,
  ],
  ["foreign", error("ESOCKET", "ERR_TLS_CERT_ALTNAME_INVALID"), "transient", "relay", "misconfigured", true],
  ["no TLS", error("ESOCKET", "ERR_SSL_WRONG_VERSION_NUMBER"), "transient", "relay", "misconfigured", true],
  ["unknown host", error("EDNS", "ENOTFOUND"), "transient", "relay", "misconfigured", true],
  ["forbidden by this machine", error("ESOCKET", "EACCES"), "transient", "relay", "misconfigured", true],

  ["names cannot be resolved now", error("EDNS", "EAI_AGAIN"), "transient", "relay", "unreachable"],
  ["refused connection", error("ESOCKET", "ECONNREFUSED"), "transient", "relay", "unreachable"],
  ["reset connection", error("ESOCKET", "ECONNRESET"), "transient", "relay", "unreachable"],
  ["no way", error("ESOCKET", "EHOSTUNREACH"), "transient", "relay", "unreachable"],
  ["no network", error("ENETUNREACH"), "transient", "relay", "unreachable"],
  ["broken pipe", error("EPIPE"), "transient", "relay", "unreachable"],
  ["closed connection", error("ECONNECTION"), "transient", "relay", "unreachable"],
  ["time-out", error("ETIMEDOUT"), "transient", "relay", "unreachable"],
  ["given up", error("EABORT"), "transient", "relay", "unreachable"],
  ["no file handles", error("ESOCKET", "EMFILE"), "transient", "relay", "internal"],
  ["no ports", error("ESOCKET", "EADDRNOTAVAIL"), "transient", "relay", "internal"],
  ["never heard of", error("EWHATEVER"), "transient", "relay", "unreachable"],
  ["nothing known", error(), "transient", "relay", "unreachable"],

  [
    "no reply to the final dot",
    { ...error("ETIMEDOUT"), isOutcomeUnknown: true },
    "transient",
    "relay",
    "outcomeUnknown",
  ],
  [
    "a broken session after it",
    { ...error("ESOCKET", "ECONNRESET"), isOutcomeUnknown: true },
    "transient",
    "relay",
    "outcomeUnknown",
  ],
];

describe("judge", () => {
  test.each(ROWS)("%s", (_, fault, verdict, about, delay, misconfigured = false as never) => {
    expect(judge(fault)).toMatchObject({ verdict, about, misconfigured, delay: RETRY_DELAYS[delay] });
  });

  test("every rule decides a row", () => {
    const decided = new Set(ROWS.map(([, fault]) => judge(fault).why));
    expect(SEND_RULES.map(({ why }) => why).filter((why) => !decided.has(why))).toEqual([]);
  });

  test("a 4xx is never the end, a 5xx is one unless a rule names it", () => {
    for (let code = 400; code < 500; code++) expect(judge(reply(code)).verdict).toBe("transient");
    const passing = [...Array(100).keys()]
      .map((n) => 500 + n)
      .filter((code) => judge(reply(code)).verdict === "transient");
    expect(passing).toEqual([503, 530, 534, 535, 538, 552]);
  });

  test("whatever a relay says, there is a judgement, and only the relay itself makes one resort to another", () => {
    const enhanced = fc.tuple(fc.constantFrom(4, 5), fc.nat(9), fc.nat(30)).map((parts) => parts.join("."));
    fc.assert(
      fc.property(fc.integer({ min: 400, max: 599 }), enhanced, (code, enhancedCode) => {
        const { verdict, about, delay } = judge(reply(code, enhancedCode));
        if (verdict === "permanent") expect(about).toBe("mail");
        expect(Object.values(RETRY_DELAYS)).toContain(delay);
      }),
    );
  });
});

describe("the delays", () => {
  test.each(Object.entries(RETRY_DELAYS))("%s is a range that can grow", (_, { minMs, maxMs, capMs }) => {
    expect(minMs).toBeGreaterThanOrEqual(1_000);
    expect(maxMs).toBeGreaterThan(minMs);
    expect(capMs).toBeGreaterThan(maxMs);
  });

  test("seconds for what is not reached, a minute or more for greylisting, longer for throttling and full mailboxes", () => {
    const { unreachable, closing, greylisted, throttled, mailboxFull, outcomeUnknown } = RETRY_DELAYS;
    expect(unreachable.maxMs).toBeLessThanOrEqual(10_000);
    expect(closing.maxMs).toBeLessThanOrEqual(10_000);
    expect(greylisted.minMs).toBeGreaterThanOrEqual(60_000);
    expect(throttled.minMs).toBeGreaterThan(greylisted.minMs);
    expect(mailboxFull.minMs).toBeGreaterThan(greylisted.minMs);
    expect(outcomeUnknown.minMs).toBeGreaterThanOrEqual(60_000);
  });
});

describe("nextAttempt", () => {
  const HOUR_MS = 3_600_000;
  const DELAY: RetryDelay = { minMs: 4_000, maxMs: 6_000, capMs: 720_000 };
  const base = {
    attempt: 1,
    nowMs: 0,
    queuedAtMs: 0,
    expiresAtMs: HOUR_MS,
    delay: DELAY,
    random: () => 0.5,
  };

  test("starts within the range and doubles up to the cap", () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map((attempt) => nextAttempt({ ...base, attempt }));
    expect(delays.map((ms) => (ms ?? 0) / 1000)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  });

  test("draws from the range, at the cap too", () => {
    expect(nextAttempt({ ...base, random: () => 0 })).toBe(4_000);
    expect(nextAttempt({ ...base, random: () => 1 })).toBe(6_000);
    expect(nextAttempt({ ...base, attempt: 50, random: () => 0 })).toBe(480_000);
    expect(nextAttempt({ ...base, attempt: 50, random: () => 1 })).toBe(720_000);
  });

  test("tries last a minute before the end, then no more", () => {
    const late = { ...base, attempt: 20 };
    expect(nextAttempt({ ...late, nowMs: HOUR_MS - 61_000 })).toBe(HOUR_MS - 60_000);
    expect(nextAttempt({ ...late, nowMs: HOUR_MS - 60_000 })).toBeUndefined();
    expect(nextAttempt({ ...late, nowMs: HOUR_MS + 1 })).toBeUndefined();
  });

  test("leaves a tenth of a short life to the reader", () => {
    expect(nextAttempt({ ...base, attempt: 9, expiresAtMs: 60_000 })).toBe(54_000);
    expect(nextAttempt({ ...base, nowMs: 54_000, expiresAtMs: 60_000 })).toBeUndefined();
  });

  test("whatever the row: always in the future and before the end, never beyond the cap, and it comes to an end", () => {
    const life = fc.integer({ min: 60_000, max: 24 * HOUR_MS });
    const draw = fc.double({ min: 0, max: 1, noNaN: true });
    const row = fc.constantFrom(...Object.values(RETRY_DELAYS));
    fc.assert(
      fc.property(life, row, fc.array(draw, { minLength: 1 }), (expiresAtMs, delay, draws) => {
        const tries = [0];
        for (let attempt = 1; attempt < 10_000; attempt++) {
          const random = () => draws[attempt % draws.length] ?? 0;
          const nowMs = tries.at(-1) ?? 0;
          const next = nextAttempt({ attempt, nowMs, queuedAtMs: 0, expiresAtMs, delay, random });
          if (next === undefined) break;
          tries.push(next);
        }
        const gaps = tries.slice(1).map((ms, index) => ms - (tries[index] ?? 0));
        expect(tries.length).toBeLessThan(10_000);
        expect(Math.max(...tries)).toBeLessThan(expiresAtMs);
        expect(Math.min(...gaps)).toBeGreaterThan(0);
        expect(Math.max(...gaps)).toBeLessThanOrEqual(delay.capMs);
      }),
      { numRuns: 50 },
    );
  });
});
