// Delivery status notifications as several servers write them, what is missing in broken ones, and any bytes at all.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { isAboutAddress, readBounceReport } from "../../../../src/mail/bounce/bounce-report.ts";

const MESSAGE_ID = "AaIF8yb57YsbrWlQTczsVw@localhost";

interface Report {
  readonly header?: readonly string[];
  readonly perMessage?: readonly string[];
  readonly recipients?: readonly (readonly string[])[];
  readonly original?: readonly string[] | null;
  readonly originalType?: string;
  readonly boundary?: string;
  readonly lineEnd?: string;
}

const FAILED = [
  "Final-Recipient: rfc822; ada@example.com",
  "Action: failed",
  "Status: 5.1.1",
  "Diagnostic-Code: smtp; 550 5.1.1 no such user",
];

function report(change: Report = {}): Uint8Array {
  const {
    header = [],
    perMessage = ["Reporting-MTA: dns; mx.example.net"],
    recipients = [FAILED],
    original = [`Message-ID: <${MESSAGE_ID}>`, "Subject: Verify"],
    originalType = "message/rfc822",
    boundary = "b-1",
    lineEnd = "\r\n",
  } = change;
  const lines = [
    "From: MAILER-DAEMON@mx.example.net",
    `Content-Type: multipart/report; report-type=delivery-status;`,
    `\tboundary="${boundary}"`,
    ...header,
    "",
    `--${boundary}`,
    "Content-Type: text/plain; charset=utf-8",
    "",
    "Sorry.",
    `--${boundary}`,
    "Content-Type: message/delivery-status",
    "",
    ...perMessage,
    "",
    ...recipients.flatMap((fields) => [...fields, ""]),
    ...(original === null
      ? []
      : [`--${boundary}`, `Content-Type: ${originalType}`, "", ...original, "", "the text"]),
    `--${boundary}--`,
    "",
  ];
  return Buffer.from(lines.join(lineEnd));
}

const PERMANENT = {
  ok: true,
  report: {
    messageId: MESSAGE_ID,
    type: "permanent",
    suppresses: true,
    enhancedCode: "5.1.1",
    diagnostic: "550 5.1.1 no such user",
    reportingServer: "mx.example.net",
  },
};

describe("a report", () => {
  test.each<[string, Report]>([
    ["as most write it", {}],
    ["with bare line feeds", { lineEnd: "\n" }],
    ["with the header alone", { originalType: "text/rfc822-headers" }],
    ["of SMTPUTF8", { originalType: "message/global-headers" }],
    ["with an odd boundary", { boundary: "=_a+b (c)" }],
    [
      "with fields in another case",
      { recipients: [FAILED.map((line) => line.replace(/^[^:]+/, (name) => name.toUpperCase()))] },
    ],
    [
      "with a folded diagnostic",
      { recipients: [[...FAILED.slice(0, 3), "Diagnostic-Code: smtp; 550 5.1.1", "  no such", "\tuser"]] },
    ],
    [
      "without a Status, but a code in the diagnostic",
      { recipients: [FAILED.filter((line) => !line.startsWith("Status"))] },
    ],
    ["that only answers to the mail", { original: null, header: [`In-Reply-To: <${MESSAGE_ID}>`] }],
    ["that only refers to the mail", { original: null, header: [`References: <${MESSAGE_ID}>`] }],
    [
      "with several recipients: the worst counts",
      { recipients: [["Action: delivered", "Status: 2.0.0"], FAILED] },
    ],
  ])("%s", (_what, change) => {
    expect(readBounceReport(report(change))).toEqual(PERMANENT);
  });

  test("in base64, and inside another mail", () => {
    const inner = Buffer.from(report()).toString("latin1");
    const status = "Reporting-MTA: dns; mx.example.net\n\n" + FAILED.join("\n");
    const encoded = inner.replace(
      /Content-Type: message\/delivery-status\r\n\r\n[^]*?\r\n--b-1/,
      `Content-Type: message/delivery-status\r\nContent-Transfer-Encoding: base64\r\n\r\n${Buffer.from(status).toString("base64")}\r\n--b-1`,
    );
    const wrapped = `Content-Type: multipart/mixed; boundary=outer\r\n\r\n--outer\r\n${encoded}\r\n--outer--\r\n`;
    expect(readBounceReport(Buffer.from(wrapped, "latin1"))).toEqual(PERMANENT);
  });

  test.each([
    ["failed", "4.4.7", "transient"],
    ["failed", "5.7.1", "permanent"],
    ["delayed", "4.4.1", "delayed"],
    ["delayed", "5.0.0", "delayed"],
  ])("of the action %s with the status %s is %s", (action, status, type) => {
    const recipients = [[`Action: ${action}`, `Status: ${status} (words)`]];
    expect(readBounceReport(report({ recipients }))).toMatchObject({
      ok: true,
      report: { type, suppresses: false },
    });
  });

  test.each<[string, Report, string]>([
    ["no group for a recipient", { recipients: [] }, "has no group of fields for a recipient"],
    ["no action", { recipients: [["Status: 5.1.1"]] }, "has no field Action"],
    [
      "a success",
      { recipients: [["Action: delivered", "Status: 2.0.0"]] },
      'says "delivered", which is no bounce',
    ],
    ["no status", { recipients: [["Action: failed"]] }, "has no field Status"],
    ["the status of a success", { recipients: [["Action: failed", "Status: 2.0.0"]] }, "has no field Status"],
    ["no mail that came back", { original: null }, "does not hold the Message-ID"],
    ["a mail without Message-ID", { original: ["Subject: x"] }, "does not hold the Message-ID"],
  ])("with %s is refused, naming it", (_what, change, problem) => {
    expect(readBounceReport(report(change))).toEqual({
      ok: false,
      problem: expect.stringContaining(problem),
    });
  });

  test("that is none is refused", () => {
    const problem = "it has no part of type message/delivery-status";
    for (const text of ["", "\r\n", "hello", "Subject: Hi\r\n\r\nHello."]) {
      expect(readBounceReport(Buffer.from(text))).toEqual({ ok: false, problem });
    }
  });
});

describe("whatever comes", () => {
  const words = [
    "--b-1",
    "\r\n",
    "\n",
    ":",
    ";",
    "=",
    "<",
    ">",
    "Action: failed",
    "Status: 5.1.1",
    "Message-ID",
    " ",
  ];
  const noise = fc.array(fc.oneof(fc.constantFrom(...words), fc.string({ unit: "binary", maxLength: 8 })), {
    maxLength: 200,
  });

  test("any bytes are read or refused, and a reading has all its parts", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
        expect(isReading(readBounceReport(bytes))).toBe(true);
      }),
    );
  });

  test("a report with anything cut out and anything put in", () => {
    const whole = Buffer.from(report()).toString("latin1");
    fc.assert(
      fc.property(fc.nat(whole.length), fc.nat(200), noise, (start, count, put) => {
        const text = whole.slice(0, start) + put.join("") + whole.slice(start + count);
        expect(isReading(readBounceReport(Buffer.from(text, "latin1")))).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test("what a report says comes out as it went in", () => {
    const word = fc.stringMatching(/^[A-Za-z0-9.]{1,40}$/);
    const code = fc.tuple(fc.constantFrom(4, 5), fc.nat(9), fc.nat(99)).map((parts) => parts.join("."));
    fc.assert(
      fc.property(word, word, code, fc.stringMatching(/^[!-~]{1,60}$/), (id, domain, status, text) => {
        const recipients = [["Action: failed", `Status: ${status}`, `Diagnostic-Code: smtp; ${text}`]];
        const original = [`Message-ID: <${id}@${domain}>`];
        expect(readBounceReport(report({ recipients, original }))).toMatchObject({
          ok: true,
          report: { messageId: `${id}@${domain}`, enhancedCode: status, diagnostic: text },
        });
      }),
    );
  });

  test.each([
    ["nothing but line ends", "\r\n"],
    ["nothing but boundaries", "--b\r\n"],
    ["nothing but blanks", " "],
    ["nothing but equals signs", "= "],
    ["nothing but folded lines", "a:\r\n b\r\n"],
    ["multiparts in multiparts", "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n"],
  ])("256 KiB of %s take no longer than 256 KiB should", (_what, piece) => {
    const header =
      "Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n";
    const bytes = Buffer.from(header + piece.repeat(262_144 / piece.length));
    const beganMs = performance.now();
    expect(readBounceReport(bytes).ok).toBe(false);
    expect(performance.now() - beganMs).toBeLessThan(2_000);
  });
});

test.each([
  ["5.0.0", true],
  ["5.1.1", true],
  ["5.1.2", true],
  ["5.1.10", true],
  ["5.1.8", false],
  ["5.2.1", true],
  ["5.2.2", false],
  ["5.2.3", false],
  ["5.3.4", false],
  ["5.4.4", true],
  ["5.4.7", false],
  ["5.5.0", false],
  ["5.6.1", false],
  ["5.7.1", false],
])("%s speaks of the address: %s", (code, expected) => {
  expect(isAboutAddress(code)).toBe(expected);
});

function isReading(reading: ReturnType<typeof readBounceReport>): boolean {
  if (!reading.ok) return reading.problem !== "";
  const { messageId, enhancedCode, diagnostic } = reading.report;
  return messageId !== "" && /^[45]\.\d+\.\d+$/.test(enhancedCode) && !/[\r\n]/.test(diagnostic);
}
