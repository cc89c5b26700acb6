// Relays quote what they refuse. What is stored and logged must not.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { describeProblem, faultOf } from "../../../src/mail/smtp-problem.ts";
import { sampleMail } from "./sample.ts";

const mail = sampleMail();

function refusal(response: string, command = "RCPT TO") {
  const responseCode = Number(response.slice(0, 3));
  return Object.assign(new Error(`Recipient command failed: ${response}`), {
    code: "EENVELOPE",
    responseCode,
    response,
    command,
  });
}

test.each([
  ["550 5.1.1 mailbox unknown", "550 5.1.1 mailbox unknown (RCPT TO)"],
  [
    "550 5.1.1 <ada@example.com>: Recipient address rejected",
    "550 5.1.1 <[hidden]>: Recipient address rejected (RCPT TO)",
  ],
  ["550-5.7.1 first line\n550 5.7.1 second line", "550 5.7.1 first line second line (RCPT TO)"],
  ["550 ada unknown here", "550 [hidden] unknown here (RCPT TO)"],
  ["550 ADA@EXAMPLE.COM unknown", "550 [hidden] unknown (RCPT TO)"],
  ["550 bounce+ada=example.com@relay.example said no", "550 [address] said no (RCPT TO)"],
  [
    "554 blocked: https://verify.example.com/verify?code=K7QX2M&orgId=1&userId=2",
    "554 blocked: [hidden] (RCPT TO)",
  ],
  ["554 see http://relay.example/why?who=ada", "554 see [link] (RCPT TO)"],
  ["554 spam word k7qx2m in body", "554 spam word [hidden] in body (RCPT TO)"],
  ["554 dear Ada Lovelace", "554 dear [hidden] (RCPT TO)"],
  ["550", "550 (RCPT TO)"],
  ["451 4.3.0 tab\tand\u0007bell", "451 4.3.0 tab and bell (RCPT TO)"],
])("%j", (response, expected) => {
  expect(describeProblem(refusal(response), mail)).toBe(expected);
});

test("errors of the connection are told by their codes alone", () => {
  const error = Object.assign(new Error("connect ECONNREFUSED 10.0.0.1 for ada@example.com"), {
    code: "ESOCKET",
    originalCode: "ECONNREFUSED",
    command: "CONN",
  });
  expect(describeProblem(error, mail)).toBe("ESOCKET ECONNREFUSED (CONN)");
  expect(faultOf(error)).toEqual({ errorCodes: ["ESOCKET", "ECONNREFUSED"] });
  expect(describeProblem(new Error("ada@example.com"), mail)).toBe("unknown error");
  expect(describeProblem("ada@example.com", mail)).toBe("unknown error");
  expect(describeProblem(undefined, mail)).toBe("unknown error");
});

test("the last line's enhanced code counts", () => {
  expect(faultOf(refusal("550-5.7.1 a\r\n550 5.2.2 b"))).toEqual({
    errorCodes: ["EENVELOPE"],
    replyCode: 550,
    enhancedCode: "5.2.2",
  });
});

test("long replies are cut, and quickly", () => {
  const started = performance.now();
  const text = describeProblem(refusal(`550 ${"a".repeat(1_000_000)}`), mail);
  expect(text.length).toBeLessThan(300);
  expect(performance.now() - started).toBeLessThan(1000);
});

test("whatever stands around them, address, local part, code and link never come through", () => {
  const secret = fc.constantFrom(
    mail.to.address,
    mail.code,
    mail.link,
    mail.to.address.toUpperCase(),
    "<ada@example.com>",
  );
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (before, quoted, after) => {
      const text = describeProblem(refusal(`550 5.0.0 ${before}${quoted}${after}`), mail).toLowerCase();
      expect(text).not.toContain("ada@");
      expect(text).not.toContain(mail.code.toLowerCase());
      expect(text).not.toContain("verify.example.com");
    }),
  );
});
