// What is written is read back by a parser that is not ours.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { simpleParser, type AddressObject, type ParsedMail } from "mailparser";
import type { Mail } from "../../../src/mail/message.ts";
import { writeMime } from "../../../src/mail/mime.ts";
import { sampleMail } from "../../mail/smtp/sample-mail.ts";

const ADDRESSES = { from: "accounts@example.org", to: "ada@example.com" };

function written(changes: Partial<Mail> = {}): string {
  return writeMime(sampleMail(changes), ADDRESSES).toString("utf8");
}

function parsed(changes: Partial<Mail>): Promise<ParsedMail> {
  return simpleParser(writeMime(sampleMail(changes), ADDRESSES), {
    skipHtmlToText: true,
    skipTextToHtml: true,
  });
}

function headerOf(mail: string): string {
  return mail.slice(0, mail.indexOf("\r\n\r\n"));
}

test("a plain mail is plain to read", () => {
  const mail = written();
  expect(headerOf(mail).split("\r\n")).toEqual([
    "From: Example Accounts <accounts@example.org>",
    "To: Ada Lovelace <ada@example.com>",
    "Subject: Verify your email address",
    "Message-ID: <delivery-1@example.org>",
    "Date: Sun, 22 Nov 2026 20:05:00 +0000",
    "Auto-Submitted: auto-generated",
    "MIME-Version: 1.0",
    "Content-Type: multipart/alternative;",
    expect.stringMatching(/^ boundary="=_[0-9a-f]{32}"$/),
  ]);
  expect(mail).toContain("\r\nK7QX2M\r\n");
  expect(mail).toContain("Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 7bit\r\n");
});

test("the same mail gives the same bytes, another Message-ID another boundary", () => {
  expect(written()).toBe(written());
  expect(written({ messageId: "<other@example.org>" })).not.toContain(
    /boundary="(.*)"/.exec(written())?.[1] ?? "",
  );
});

test.each([
  ["", "ada@example.com"],
  ["Ada", "Ada <ada@example.com>"],
  ["Ada Lovelace", "Ada Lovelace <ada@example.com>"],
  ["Lovelace, Ada", '"Lovelace, Ada" <ada@example.com>'],
  ['Ada "the first"', '"Ada \\"the first\\"" <ada@example.com>'],
  ["a\\b", '"a\\\\b" <ada@example.com>'],
  ["J. Doe", '"J. Doe" <ada@example.com>'],
  [" Ada", '" Ada" <ada@example.com>'],
  ["Zoë", "=?UTF-8?B?Wm/Dqw==?= <ada@example.com>"],
  ["=?UTF-8?B?Wm/Dqw==?=", "=?UTF-8?B?PT9VVEYtOD9CP1dtL0Rxdz09Pz0=?= <ada@example.com>"],
  ["x\r\nBcc: evil@example.net", "=?UTF-8?B?eA0KQmNjOiBldmlsQGV4YW1wbGUubmV0?= <ada@example.com>"],
])("the name %j is written as %s", (name, expected) => {
  const lines = headerOf(written({ to: { name, address: "ada@example.com" } }))
    .replace("\r\n <", " <")
    .split("\r\n");
  expect(lines[1]).toBe(`To: ${expected}`);
});

describe("refuses", () => {
  test.each<[string, Partial<Mail>]>([
    ["a Message-ID with a line break", { messageId: "<a@b>\r\nBcc: evil@example.net" }],
    ["a header whose name is none", { headers: { "X\r\nBcc": "evil@example.net" } }],
    ["a header without a name", { headers: { "": "x" } }],
  ])("%s", (_, changes) => {
    expect(() => written(changes)).toThrow(RangeError);
  });
});

const text = fc.oneof(
  fc.string(),
  fc.string({ unit: "grapheme", maxLength: 300 }),
  fc.string({ unit: "binary", maxLength: 100 }),
  fc
    .array(
      fc.constantFrom("\n", "\r\n", "\r", ".", "=", " ", "\t", "a".repeat(80), "ü", "😀", "--=_", "From "),
      {
        maxLength: 60,
      },
    )
    .map((parts) => parts.join("")),
);

const OUR_HEADERS = new Set([
  "auto-submitted",
  "content-type",
  "date",
  "from",
  "message-id",
  "mime-version",
  "subject",
  "to",
]);

describe("whatever the mail says", () => {
  test("both parts come through, whole", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (plain, html) => {
        const read = await parsed({ text: plain, html });
        expect(linesOf(read.text ?? "")).toBe(linesOf(plain));
        expect(linesOf(read.html === false ? "" : (read.html ?? ""))).toBe(linesOf(html));
      }),
    );
  });

  test("names and subjects come through, and no header but our own", async () => {
    await fc.assert(
      fc.asyncProperty(text, text, async (name, subject) => {
        const changes = { to: { name, address: ADDRESSES.to }, subject };
        const read = await parsed(changes);
        expect([...read.headers.keys()].filter((key) => !OUR_HEADERS.has(key))).toEqual([]);
        expect((read.to as AddressObject).value.map(({ address }) => address)).toEqual([ADDRESSES.to]);
        const mail = written(changes);
        for (const line of headerOf(mail).split("\r\n")) expect(line.length).toBeLessThanOrEqual(78);
        expect(/To:[^]*?(?=\r\nSubject:)/.exec(mail)?.[0]).not.toMatch(/[^\r\n\x20-\x7E]/);
        expect(wordsOf(/Subject: ([^]*?)\r\nMessage-ID/.exec(mail)?.[1] ?? "")).toBe(subject.toWellFormed());
      }),
    );
  });

  test("lines are short, end in CRLF, and are ASCII", () => {
    fc.assert(
      fc.property(text, text, text, (plain, html, subject) => {
        const mail = written({ text: plain, html, subject });
        expect(mail).toMatch(/^[\r\n\x20-\x7E]*\r\n$/);
        for (const line of mail.split("\r\n")) {
          expect(line.length).toBeLessThanOrEqual(78);
          expect(line).not.toMatch(/[\r\n]/);
        }
      }),
    );
  });
});

/** Parsers end lines as they like, and drop empty ones at the end. */
function linesOf(content: string): string {
  return content
    .toWellFormed()
    .replaceAll(/\r\n|\r/g, "\n")
    .replace(/\n+$/, "");
}

/** RFC 2047, read by hand: a parser would trim. */
function wordsOf(value: string): string {
  const words = value.split("\r\n ");
  if (!words.every((word) => /^=\?UTF-8\?B\?[A-Za-z0-9+/=]*\?=$/.test(word))) return value;
  return words.map((word) => Buffer.from(word.slice(10, -2), "base64").toString("utf8")).join("");
}
