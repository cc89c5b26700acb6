import { describe, expect, test } from "@jest/globals";
import { HTTP_DELAYS, HTTP_RULES, judgeHttp } from "../../../../src/mail/webhook/http-rules.ts";

const ofStatus = (status: number) => judgeHttp({ status, errorCodes: [], isUnanswered: false });
const ofError = (code: string, isUnanswered = false) => judgeHttp({ errorCodes: [code], isUnanswered });

describe("statuses", () => {
  test.each([
    [[200, 201, 202, 204, 207, 299], "accepted"],
    [[300, 301, 302, 303, 304, 307, 308], "misconfigured"],
    [[401, 403, 404, 405, 407, 411, 415, 421, 426, 431], "misconfigured"],
    [[402, 406, 418, 424, 428, 451, 499, 600, 999, 0], "misconfigured"],
    [[408, 425, 409, 423, 500, 501, 502, 503, 504, 507, 529], "failing"],
    [[429], "throttled"],
    [[400, 413, 422], "permanent"],
  ] as const)("%j: %s", (statuses, expected) => {
    for (const status of statuses) {
      const { verdict, misconfigured, delay } = ofStatus(status);
      const actual = verdict !== "transient" ? verdict : nameOf(delay, misconfigured);
      expect([status, actual]).toEqual([status, expected]);
    }
  });

  test("410 ends the mail, and is worth an error", () => {
    expect(ofStatus(410)).toMatchObject({ verdict: "permanent", misconfigured: true });
  });

  test.each([200, 400, 409, 410, 413, 422])("%i does not count against the provider", (status) => {
    expect(ofStatus(status).about).toBe("mail");
  });

  test.each([301, 401, 404, 418, 429, 500, 503])("%i counts against the provider", (status) => {
    expect(ofStatus(status).about).toBe("provider");
  });

  test("an answer counts, whatever came before it", () => {
    const fault = { status: 503, errorCodes: ["ECONNRESET"], isUnanswered: true };
    expect(judgeHttp(fault)).toBe(ofStatus(503));
  });
});

describe("errors", () => {
  test.each([
    [
      ["ECONNREFUSED", "ECONNRESET", "EPIPE", "ETIMEDOUT", "EHOSTUNREACH", "ENETUNREACH", "EXYZ"],
      "unreachable",
    ],
    [["EAI_AGAIN"], "unreachable"],
    [["ENOTFOUND", "EAI_FAIL", "ERR_ADDRESS_REFUSED", "EACCES"], "misconfigured"],
    [["EMFILE", "EADDRNOTAVAIL"], "internal"],
    [
      [
        "CERT_HAS_EXPIRED",
        "DEPTH_ZERO_SELF_SIGNED_CERT",
        "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
        "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
        "ERR_TLS_CERT_ALTNAME_INVALID",
        "ERR_SSL_WRONG_VERSION_NUMBER",
        "EPROTO",
        "HPE_INVALID_CONSTANT",
      ],
      "misconfigured",
    ],
  ] as const)("%j: %s", (codes, expected) => {
    for (const code of codes) {
      const { verdict, misconfigured, delay } = ofError(code);
      expect([code, verdict, nameOf(delay, misconfigured)]).toEqual([code, "transient", expected]);
    }
  });

  test.each(["ECONNRESET", "ETIMEDOUT", "EPIPE"])("%s after the whole request: patience", (code) => {
    expect(ofError(code, true).delay).toBe(HTTP_DELAYS.unanswered);
  });

  test("a TLS alert that comes late is about TLS all the same", () => {
    expect(ofError("ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED", true).misconfigured).toBe(true);
  });
});

test("every delay is one that grows", () => {
  for (const { delay } of HTTP_RULES) {
    expect(delay.minMs).toBeLessThan(delay.maxMs);
    expect(delay.maxMs).toBeLessThan(delay.capMs);
  }
});

/** Delays of different names may be equal in length. */
function nameOf(delay: object, misconfigured: boolean): string | undefined {
  const names = Object.entries(HTTP_DELAYS).filter(([, value]) => value === delay);
  return names.find(([name]) => (name === "misconfigured") === misconfigured)?.[0];
}
