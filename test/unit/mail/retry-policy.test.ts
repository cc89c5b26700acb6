import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import {
  judge,
  nextAttempt,
  RETRY_SCHEDULE,
  SEND_RULES,
  type SendFault,
} from "../../../src/mail/retry-policy.ts";

describe("judge", () => {
  const reply = (replyCode: number, enhancedCode?: string): SendFault => ({
    errorCodes: ["EENVELOPE"],
    replyCode,
    ...(enhancedCode !== undefined && { enhancedCode }),
  });
  const error = (...errorCodes: string[]): SendFault => ({ errorCodes });

  test.each([
    ["mailbox unknown", reply(550, "5.1.1"), "permanent", "mail", false],
    ["policy", reply(554, "5.7.1"), "permanent", "mail", false],
    ["bad syntax", reply(501), "permanent", "mail", false],
    ["name not allowed", reply(553), "permanent", "mail", false],
    ["mailbox full, by its code", reply(552), "transient", "mail", false],
    ["mailbox full, by its enhanced code", reply(550, "5.2.2"), "transient", "mail", false],
    ["greylisting", reply(451, "4.7.1"), "transient", "mail", false],
    ["mailbox busy", reply(450), "transient", "mail", false],
    ["out of step", reply(503), "transient", "mail", false],
    ["closing", reply(421), "transient", "relay", false],
    ["authentication required", reply(530), "transient", "relay", true],
    [
      "authentication failed",
      { errorCodes: ["EAUTH"], replyCode: 535, enhancedCode: "5.7.8" },
      "transient",
      "relay",
      true,
    ],
    ["mechanism too weak", reply(534, "5.7.9"), "transient", "relay", true],
    ["refused greeting", { errorCodes: ["EPROTOCOL"], replyCode: 554 }, "transient", "relay", false],
    ["refused connection", error("ESOCKET", "ECONNREFUSED"), "transient", "relay", false],
    ["reset connection", error("ESOCKET", "ECONNRESET"), "transient", "relay", false],
    ["closed connection", error("ECONNECTION"), "transient", "relay", false],
    ["time-out", error("ETIMEDOUT"), "transient", "relay", false],
    ["given up", error("EABORT"), "transient", "relay", false],
    ["unknown host", error("EDNS", "ENOTFOUND"), "transient", "relay", true],
    ["refused STARTTLS", { errorCodes: ["ETLS"], replyCode: 454 }, "transient", "relay", true],
    ["old certificate", error("ESOCKET", "CERT_HAS_EXPIRED"), "transient", "relay", true],
    ["self-signed certificate", error("ESOCKET", "DEPTH_ZERO_SELF_SIGNED_CERT"), "transient", "relay", true],
    ["foreign certificate", error("ESOCKET", "ERR_TLS_CERT_ALTNAME_INVALID"), "transient", "relay", true],
    ["no TLS at all", error("ESOCKET", "ERR_SSL_WRONG_VERSION_NUMBER"), "transient", "relay", true],
    ["an address the library refuses", error("EENVELOPE"), "permanent", "mail", false],
    ["a mail too large", error("EMESSAGE"), "permanent", "mail", false],
    ["never heard of", error("EWHATEVER"), "transient", "relay", false],
    ["nothing known", error(), "transient", "relay", false],
  ] as const)("%s", (_, fault, verdict, about, misconfigured) => {
    expect(judge(fault)).toMatchObject({ verdict, about, misconfigured });
  });

  test("every rule decides something", () => {
    const decided = new Set([...Array(200).keys()].map((n) => judge(reply(400 + n)).why));
    const errors = ["EAUTH", "ETLS", "EDNS", "ECONNECTION", "EMESSAGE"];
    for (const code of errors) decided.add(judge(error(code)).why);
    expect([...decided].toSorted()).toEqual(SEND_RULES.map(({ why }) => why).toSorted());
  });

  test("a 4xx is never the end, a 5xx is one unless a rule names it", () => {
    for (let code = 400; code < 500; code++) expect(judge(reply(code)).verdict).toBe("transient");
    const passing = [...Array(100).keys()]
      .map((n) => 500 + n)
      .filter((code) => judge(reply(code)).verdict === "transient");
    expect(passing).toEqual([503, 530, 534, 535, 538, 552]);
  });
});

describe("nextAttempt", () => {
  const HOUR_MS = 3_600_000;
  const base = { attempt: 1, nowMs: 0, queuedAtMs: 0, expiresAtMs: HOUR_MS, random: () => 0.5 };

  test("starts at 5 seconds and doubles up to 10 minutes", () => {
    const delays = [1, 2, 3, 4, 5, 6, 7, 8, 9, 100].map((attempt) => nextAttempt({ ...base, attempt }));
    expect(delays.map((ms) => (ms ?? 0) / 1000)).toEqual([5, 10, 20, 40, 80, 160, 320, 600, 600, 600]);
  });

  test("spreads by a fifth to both sides", () => {
    expect(nextAttempt({ ...base, random: () => 0 })).toBe(4_000);
    expect(nextAttempt({ ...base, random: () => 1 })).toBe(6_000);
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

  test("always lies in the future and before the end, and comes to one", () => {
    const life = fc.integer({ min: 60_000, max: 7 * 24 * HOUR_MS });
    const draw = fc.double({ min: 0, max: 1, noNaN: true });
    fc.assert(
      fc.property(life, fc.array(draw, { minLength: 1 }), (expiresAtMs, draws) => {
        const tries = [0];
        for (let attempt = 1; attempt < 2000; attempt++) {
          const random = () => draws[attempt % draws.length] ?? 0;
          const nowMs = tries.at(-1) ?? 0;
          const next = nextAttempt({ attempt, nowMs, queuedAtMs: 0, expiresAtMs, random });
          if (next === undefined) break;
          tries.push(next);
        }
        const gaps = tries.slice(1).map((ms, index) => ms - (tries[index] ?? 0));
        expect(tries.length).toBeLessThan(2000);
        expect(Math.max(...tries)).toBeLessThan(expiresAtMs);
        expect(Math.min(...gaps)).toBeGreaterThan(0);
        expect(Math.max(...gaps)).toBeLessThanOrEqual(
          RETRY_SCHEDULE.maxDelayMs * (1 + RETRY_SCHEDULE.jitter),
        );
      }),
    );
  });
});
