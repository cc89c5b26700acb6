// Every language's mail as it arrives at the other end of a socket, read by a parser that is not ours.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { createComposer, type Mail, type MailRequest } from "../../src/mail/message.ts";
import { BUILT_IN_LOCALES } from "../../src/mail/messages/built-in-locales.ts";
import { SmtpTransport } from "../../src/mail/smtp/smtp-transport.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";
import { friendly, Relay, ScriptedRelay, type ReceivedMail } from "./relay.ts";
import { PERMIT } from "./smtp/harness.ts";

const FROM = { name: "Example Accounts", address: "accounts@example.org" };
const LINK = "https://verify.example.com/verify?code=K7QX2M&orgId=351022947&userId=351023001";
const HEADERS = [
  "Auto-Submitted",
  "Content-Type",
  "Date",
  "From",
  "MIME-Version",
  "Message-ID",
  "Subject",
  "To",
  "X-Auto-Response-Suppress",
];

const compose = createComposer({ from: FROM });
const composeCodeOnly = createComposer({ from: FROM, codeOnly: true });

interface Reader {
  readonly displayName?: string;
  readonly preferredLanguage?: string;
}

function request(reader: Reader, changes: Partial<MailRequest> = {}): MailRequest {
  return mailRequest({ user: { ...mailRequest().user, ...reader }, code: "K7QX2M", link: LINK, ...changes });
}

function transportTo(port: number): SmtpTransport {
  return new SmtpTransport({
    relays: [{ host: "127.0.0.1", port, secure: false }],
    logger: new TestLog().logger,
  });
}

/** The names before the colons, and the lines of the head. */
function head(raw: string): { names: string[]; lines: string[] } {
  const lines = raw.slice(0, raw.indexOf("\r\n\r\n")).split("\r\n");
  const names = lines.filter((line) => !/^[ \t]/.test(line)).map((line) => line.replace(/:.*/s, ""));
  return { names, lines };
}

let relay: Relay;
let transport: SmtpTransport;

beforeAll(async () => {
  relay = await Relay.start();
  transport = transportTo(relay.port);
});
afterAll(async () => {
  await transport.close();
  await relay.stop();
});

async function sent(mail: Mail): Promise<ReceivedMail> {
  expect(await transport.send(mail, PERMIT)).toMatchObject({ kind: "accepted" });
  return relay.mails.at(-1) as ReceivedMail;
}

describe.each([...BUILT_IN_LOCALES.keys()])("in %s", (locale) => {
  const readers: [string, Mail][] = [
    ["a mail", compose(request({ preferredLanguage: locale }))],
    ["a mail without a name", compose(request({ preferredLanguage: locale, displayName: "" }))],
    [
      "a mail to a name of other letters",
      compose(request({ preferredLanguage: locale, displayName: "Żółć 山田 عائشة 👩‍💻" })),
    ],
    ["a mail without a link", composeCodeOnly(request({ preferredLanguage: locale }))],
  ];

  test.each(readers)("%s says the same before and after its way", async (_, mail) => {
    const { parsed } = await sent(mail);
    expect(parsed.subject).toBe(mail.subject);
    expect(parsed.text).toBe(mail.text);
    expect(parsed.html).toBe(mail.html);
    expect(parsed.attachments).toEqual([]);
    expect(parsed.from?.value).toEqual([FROM]);
    expect(parsed.to).toMatchObject({ value: [mail.to] });
    expect(parsed.text?.split("\n")).toContain("K7QX2M");
  });

  test.each(readers)(
    "%s has the headers that readers, programs and robots look for, each once",
    async (_, mail) => {
      const { parsed, raw } = await sent(mail);
      expect(head(raw).names.toSorted()).toEqual(HEADERS);
      expect(parsed.messageId).toBe("<delivery-1@example.org>");
      expect(raw.match(/^Date: .*$/gm)).toEqual(["Date: Sat, 03 Jan 2026 00:00:00 +0000"]);
      expect(parsed.headers.get("auto-submitted")).toBe("auto-generated");
      expect(parsed.headers.get("mime-version")).toBe("1.0");
      expect(parsed.headers.get("content-type")).toMatchObject({ value: "multipart/alternative" });
    },
  );

  test.each(readers)(
    "%s has a text part before its HTML part, both UTF-8 in ASCII lines of 78 at most",
    async (_, mail) => {
      const { raw } = await sent(mail);
      const types = raw.match(/^Content-Type: text\/\S+ charset=\S+/gim);
      expect(types?.map((type) => type.toLowerCase())).toEqual([
        "content-type: text/plain; charset=utf-8",
        "content-type: text/html; charset=utf-8",
      ]);
      // oxlint-disable-next-line no-control-regex -- all of ASCII
      expect(raw).toMatch(/^[\x00-\x7F]*$/);
      expect(raw).not.toMatch(/[^\r]\n|\r[^\n]/);
      // RFC 5322 section 2.1.1: 78 should be, 998 must be the most.
      expect(raw.split("\r\n").filter((line) => line.length > 78)).toEqual([]);
    },
  );
});

describe("a long link", () => {
  test("arrives whole, in lines that SMTP takes", async () => {
    const link = `https://verify.example.com/?next=${"%C3%BC".repeat(500)}`;
    const { parsed, raw } = await sent(compose(request({ preferredLanguage: "ja" }, { link })));
    expect(parsed.text?.split("\n")).toContain(link);
    expect(String(parsed.html)).toContain(`href="${link}"`);
    expect(Math.max(...raw.split("\r\n").map((line) => line.length))).toBeLessThanOrEqual(998);
  });
});

describe("the recipient", () => {
  test.each([
    ["ada@bücher.example", "ada@xn--bcher-kva.example"],
    ["zoë@example.com", "zoë@example.com"],
    ["zoë@bücher.example", "zoë@xn--bcher-kva.example"],
  ])("%s is written as %s", async (recipient, written) => {
    const { raw } = await sent(compose(request({}, { recipient })));
    const { lines } = head(raw);
    expect(lines.find((line) => line.startsWith("To:"))).toBe(`To: Ada Lovelace <${written}>`);
  });
});

test("whatever name, address and language: one recipient or none, and no header or part that is not ours", async () => {
  const recorder = await ScriptedRelay.start(friendly());
  const recording = transportTo(recorder.port);
  const trick = fc.constantFrom(
    "\r\n",
    "\n",
    "\r",
    "\r\n\r\n",
    "\r\n.\r\n",
    "\r\nBcc: evil@example.net",
    "\nX-Evil: yes",
    "=?UTF-8?Q?=0D=0ABcc:_evil=40example.net?=",
    "\u0000",
    "\u2028",
    "\u202E",
    "\u2066",
    "\uD800",
    ",",
    ";",
    "<",
    ">",
    "@",
    '"',
    "\\",
    "(",
    ")",
    ":",
    " ",
    "é",
    "名",
    "a",
    "evil@example.net",
    "x.org",
  );
  const mess = fc.array(trick, { maxLength: 10 }).map((parts) => parts.join(""));
  const name = fc.oneof(mess, fc.string({ unit: "binary" }));
  const address = fc.oneof(
    mess,
    fc.emailAddress(),
    fc
      .tuple(mess, fc.constantFrom("example.com", "bücher.example"))
      .map(([local, domain]) => `${local}@${domain}`),
    fc.tuple(mess, mess).map(([local, domain]) => `"${local}"@${domain}`),
  );
  const language = fc.oneof(fc.constantFrom("", ...BUILT_IN_LOCALES.keys()), mess);
  let accepted = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        name,
        address,
        language,
        mess,
        async (displayName, recipient, preferredLanguage, acceptLanguage) => {
          recorder.lines.length = 0;
          const mail = compose(request({ displayName, preferredLanguage }, { recipient, acceptLanguage }));
          const outcome = await recording.send(mail, PERMIT);
          const dataAt = recorder.lines.indexOf("DATA");
          const commands = dataAt === -1 ? recorder.lines : recorder.lines.slice(0, dataAt);
          const recipients = commands.filter((line) => /^rcpt/i.test(line));
          expect(recipients).toHaveLength(outcome.kind === "accepted" ? 1 : 0);
          expect(
            commands.filter(
              (line) =>
                !/^(?:RCPT TO:<|MAIL FROM:<accounts@example\.org>|EHLO |RSET$|QUIT$|NOOP$)/.test(line),
            ),
          ).toEqual([]);
          if (outcome.kind !== "accepted") return;
          accepted += 1;
          const raw = recorder.lines.slice(dataAt + 1).join("\r\n");
          const { names, lines } = head(raw);
          expect(names.toSorted()).toEqual(HEADERS);
          expect(lines.filter((line) => line.startsWith("To:"))).toHaveLength(1);
          expect(raw.match(/^Content-Type:/gim)).toHaveLength(3);
          expect(recorder.lines.filter((line) => line === ".")).toHaveLength(1);
        },
      ),
      { numRuns: 300 },
    );
  } finally {
    await recording.close();
    await recorder.stop();
  }
  expect(accepted).toBeGreaterThan(40);
}, 60_000);
