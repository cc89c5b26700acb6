// Relays quote what they refuse. What is stored and logged must not.
import { expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { DeliveryFault } from "../../../../src/mail/smtp/session.ts";
import { acceptedTry, describeProblem, failedTry, faultOf } from "../../../../src/mail/smtp/smtp-problem.ts";
import { StepTimeout } from "../../../../src/mail/smtp/time-limits.ts";
import { CODE, LINK, sampleMail } from "../../../mail/smtp/sample-mail.ts";

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

test("a step that took too long is named", () => {
  expect(describeProblem(new StepTimeout("rcpt", 20_000), mail)).toBe("no reply to RCPT TO within 20 s");
  expect(faultOf(new StepTimeout("rcpt", 20_000))).toEqual({ errorCodes: ["ETIMEDOUT"] });
});

test.each([
  ["no reply to the final dot", new StepTimeout("finalReply", 60_000), ["ETIMEDOUT"]],
  [
    "a reply that is none",
    Object.assign(new Error("?"), { code: "EMESSAGE", response: "what?" }),
    ["EPROTOCOL"],
  ],
])("%s leaves open who has the mail", (_, cause, errorCodes) => {
  const fault = new DeliveryFault(cause, { isBeforeMail: false, isOutcomeUnknown: true });
  expect(faultOf(fault)).toEqual({ errorCodes, isOutcomeUnknown: true });
});

test("a reply that is neither yes nor no is a fault of the relay, not of the mail", () => {
  for (const response of ["354 go on", "what?", "600 wat"]) {
    const responseCode = Number.parseInt(response, 10) || undefined;
    const error = Object.assign(new Error(response), { code: "EENVELOPE", response, responseCode });
    expect(faultOf(error)).toEqual({ errorCodes: ["EPROTOCOL"] });
  }
});

test("tries keep the reply's codes and its cleaned text", () => {
  expect(failedTry("relay:25", "permanent", refusal("550 5.1.1 <ada@example.com> unknown"), mail)).toEqual({
    relay: "relay:25",
    outcome: "permanent",
    replyCode: 550,
    enhancedCode: "5.1.1",
    text: "550 5.1.1 <[hidden]> unknown (RCPT TO)",
  });
  expect(acceptedTry("relay:25", "250 2.0.0 queued as 4F2A for ada@example.com", mail)).toEqual({
    relay: "relay:25",
    outcome: "accepted",
    replyCode: 250,
    enhancedCode: "2.0.0",
    text: "250 2.0.0 queued as 4F2A for [hidden]",
  });
  expect(acceptedTry("relay:25", "250 ok", mail)).toEqual({
    relay: "relay:25",
    outcome: "accepted",
    replyCode: 250,
    text: "250 ok",
  });
});

test("a mail without names hides no empty words", () => {
  const nameless = sampleMail({ to: { name: "", address: "@" } });
  expect(describeProblem(refusal("550 no such user"), nameless)).toBe("550 no such user (RCPT TO)");
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
    CODE,
    LINK,
    mail.to.address.toUpperCase(),
    "<ada@example.com>",
  );
  fc.assert(
    fc.property(fc.string(), secret, fc.string(), (before, quoted, after) => {
      const text = describeProblem(refusal(`550 5.0.0 ${before}${quoted}${after}`), mail).toLowerCase();
      expect(text).not.toContain("ada@");
      expect(text).not.toContain(CODE.toLowerCase());
      expect(text).not.toContain("verify.example.com");
    }),
  );
});
