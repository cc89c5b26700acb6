// SmtpTransport against relays on real sockets: refusals, addresses, credentials.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import { RETRY_DELAYS } from "../../../src/mail/retry-policy.ts";
import { SmtpTransport } from "../../../src/mail/smtp/smtp-transport.ts";
import { parseMailbox } from "../../../src/verification/email-address.ts";
import { friendly, Refusal } from "../relay.ts";
import { at, deadPort, ERROR_LEVEL, Harness, PERMIT, WARN_LEVEL } from "./harness.ts";
import { CODE, LINK, mailTo, sampleMail } from "./sample-mail.ts";

const harness = new Harness();

describe("a refusal", () => {
  test.each([
    [550, "5.1.1", "unknown", { kind: "permanent" }],
    [451, "4.7.1", "greylisted", { kind: "transient", delay: RETRY_DELAYS.greylisted }],
    [552, "5.2.2", "full", { kind: "transient", delay: RETRY_DELAYS.mailboxFull }],
  ] as const)("of the recipient with %d %s", async (replyCode, enhancedCode, words, outcome) => {
    const relay = await harness.relay({
      onRecipient: () => {
        throw new Refusal(replyCode, `${enhancedCode} ${words}`);
      },
    });
    const text = `${replyCode} ${enhancedCode} ${words} (RCPT TO)`;
    const attempt = {
      relay: `127.0.0.1:${relay.port}`,
      outcome: outcome.kind,
      replyCode,
      enhancedCode,
      text,
    };
    expect(await harness.transport([at(relay.port)]).send(sampleMail(), PERMIT)).toEqual({
      ...outcome,
      problem: text,
      tries: [attempt],
    });
    expect(harness.log.lines).toEqual([]);
  });

  test("of the message", async () => {
    const relay = await harness.relay({
      beforeAccept: () => {
        throw new Refusal(554, "5.7.1 spam");
      },
    });
    const outcome = { kind: "permanent", problem: "554 5.7.1 spam (DATA)" };
    expect(await harness.transport([at(relay.port)]).send(sampleMail(), PERMIT)).toMatchObject(outcome);
  });

  test("by a relay that quotes address and link leaves neither in the outcome nor in the log", async () => {
    const relay = await harness.relay({
      onRecipient: (address) => {
        throw new Refusal(421, `<${address}> wanted ${LINK}, code ${CODE}`);
      },
    });
    const outcome = await harness.transport([at(relay.port)]).send(sampleMail(), PERMIT);
    const problem = expect.stringMatching(/^421 <\[hidden\]> wanted \[hidden\], code \[hidden\] \(\w+/);
    expect(outcome).toMatchObject({ kind: "transient", problem, tries: [{ replyCode: 421, text: problem }] });
    expect(JSON.stringify(outcome)).not.toMatch(/ada@|K7QX2M|verify\.example/);
    expect(harness.log.lines).toHaveLength(1);
    expect(harness.log.text).not.toMatch(/ada@|K7QX2M|verify\.example/);
  });

  test("does not spoil the connection for the next mail", async () => {
    const relay = await harness.relay({
      onRecipient: (address) => {
        if (address.startsWith("bad")) throw new Refusal(550, "unknown");
      },
    });
    const transport = harness.transport([at(relay.port)], { connections: 1 });
    for (const address of ["a@example.com", "bad@example.com", "b@example.com"])
      await transport.send(mailTo(address), PERMIT);
    expect(relay.mails.map(({ envelopeTo }) => envelopeTo)).toEqual([["a@example.com"], ["b@example.com"]]);
  });
});

describe("relays are tried in order", () => {
  test("past one that is down", async () => {
    const relay = await harness.relay();
    const transport = harness.transport([at(await deadPort()), at(relay.port)]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.mails).toHaveLength(1);
    expect(harness.log.lines).toMatchObject([
      { level: WARN_LEVEL, problem: "ESOCKET ECONNREFUSED (CONN)", deliveryId: "delivery-1" },
    ]);
  });

  test("past one that hangs up before its greeting, and one that greets with a refusal", async () => {
    const rude = await harness.script(friendly(), "554 go away");
    const mute = await harness.script((_, socket) => void socket.destroy());
    const relay = await harness.relay();
    const transport = harness.transport([at(rude.port), at(mute.port), at(relay.port)]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
  });

  test("past one that refuses the credentials, with an error in the log", async () => {
    const strict = await harness.relay({
      options: {
        authOptional: false,
        disabledCommands: ["STARTTLS"],
        onAuth: (_auth, _session, callback) =>
          callback(Object.assign(new Error("no"), { responseCode: 535 })),
      },
    });
    const relay = await harness.relay();
    const transport = harness.transport([
      at(strict.port, { user: "relay-user", password: "relay-password" }),
      at(relay.port),
    ]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(harness.log.lines).toMatchObject([{ level: ERROR_LEVEL }, { msg: "relay rests" }]);
    expect(harness.log.text).toContain("535");
    expect(harness.log.text).not.toMatch(/relay-password|relay-user/);
  });

  test("but not past one that spoke about the mail", async () => {
    const picky = await harness.relay({
      onRecipient: () => {
        throw new Refusal(451, "later");
      },
    });
    const relay = await harness.relay();
    expect((await harness.transport([at(picky.port), at(relay.port)]).send(sampleMail(), PERMIT)).kind).toBe(
      "transient",
    );
    expect(relay.recipients).toEqual([]);
  });

  test("and all problems are named when none can be used", async () => {
    const transport = harness.transport([at(await deadPort()), at(await deadPort())]);
    expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
      kind: "transient",
      problem: "ESOCKET ECONNREFUSED (CONN); next relay: ESOCKET ECONNREFUSED (CONN)",
      tries: [{ outcome: "transient" }, { outcome: "transient" }],
      delay: RETRY_DELAYS.unreachable,
    });
  });
});

describe("addresses beyond ASCII", () => {
  test("go out under SMTPUTF8", async () => {
    const relay = await harness.relay();
    const transport = harness.transport([at(relay.port)]);
    expect(await transport.send(mailTo("zoë@bücher.example"), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(await transport.send(mailTo("émile@example.com"), PERMIT)).toMatchObject({ kind: "accepted" });
    expect(relay.recipients).toEqual(["zoë@bücher.example", "émile@example.com"]);
  });

  test("are refused, with the reason, when no relay knows SMTPUTF8", async () => {
    const relay = await harness.relay({ options: { hideSMTPUTF8: true } });
    const outcome = await harness.transport([at(relay.port)]).send(mailTo("zoë@example.com"), PERMIT);
    expect(outcome).toMatchObject({ kind: "permanent", problem: expect.stringContaining("SMTPUTF8") });
    expect(relay.recipients).toEqual([]);
  });

  test("wait while a relay that may know SMTPUTF8 is down", async () => {
    const relay = await harness.relay({ options: { hideSMTPUTF8: true } });
    const outcome = await harness
      .transport([at(relay.port), at(await deadPort())])
      .send(mailTo("zoë@example.com"), PERMIT);
    expect(outcome.kind).toBe("transient");
  });

  test("take the relay that knows it", async () => {
    const [old, modern] = [await harness.relay({ options: { hideSMTPUTF8: true } }), await harness.relay()];
    expect(
      await harness.transport([at(old.port), at(modern.port)]).send(mailTo("zoë@example.com"), PERMIT),
    ).toMatchObject({
      kind: "accepted",
      tries: [{ outcome: "permanent" }, { outcome: "accepted" }],
    });
    expect(old.recipients).toEqual([]);
    expect(modern.recipients).toEqual(["zoë@example.com"]);
  });

  test("before the @ only: a domain is sent in its ASCII form", async () => {
    const relay = await harness.script(friendly());
    expect(
      await harness.transport([at(relay.port)]).send(mailTo("zoe@bücher.example"), PERMIT),
    ).toMatchObject({ kind: "accepted" });
    expect(relay.lines).toContain("RCPT TO:<zoe@xn--bcher-kva.example>");
  });
});

describe("hostile recipients", () => {
  test.each([
    "ada@example.com\r\nBcc: evil@example.net",
    "ada@example.com, evil@example.net",
    "ada@example.com; evil@example.net",
    "ada@example.com>\r\nRCPT TO:<evil@example.net",
    "ada@example.com> NOTIFY=SUCCESS",
    "Ada <evil@example.net>",
    "evil@example.net (ada@example.com)",
    '"ada<x"@example.com',
    '"a>b"@example.com',
    "group: evil@example.net;",
    "ada@example.com\u0000",
    "ada@evil.example%2ecom",
    "ada@ex%61mple.com",
    "@example.com",
    "ada@",
    "ada",
    "",
  ])("%j is written to nobody", async (address) => {
    const relay = await harness.relay();
    const outcome = await harness.transport([at(relay.port)]).send(mailTo(address), PERMIT);
    expect(outcome).toEqual({
      kind: "permanent",
      problem: "the address cannot be written in SMTP without changing it",
      tries: [],
    });
    expect(relay.recipients).toEqual([]);
  });

  test.each([
    '"a b"@example.com',
    '"a,b@c"@example.com',
    '"\\""@example.com',
    "a'b|c@example.com",
    "ADA@Example.COM",
  ])("%s is strange, but one recipient", async (address) => {
    const relay = await harness.script(friendly());
    expect(await harness.transport([at(relay.port)]).send(mailTo(address), PERMIT)).toMatchObject({
      kind: "accepted",
    });
    const recipients = relay.lines.filter((line) => line.startsWith("RCPT"));
    expect(recipients.map((line) => line.toLowerCase())).toEqual([`rcpt to:<${address.toLowerCase()}>`]);
  });

  test("whatever address and name: one recipient or none, and no header that Countersign does not write", async () => {
    const relay = await harness.script(friendly());
    const transport = harness.transport([at(relay.port)]);
    const bad = fc.constantFrom(
      "\r\n",
      "\n",
      "\r",
      ",",
      ";",
      "<",
      ">",
      "@",
      '"',
      "\\",
      " ",
      "\t",
      "(",
      ")",
      ":",
      "%",
      "Bcc: x@y.z",
      "\u0000",
      "ü",
      "a",
      "x.org",
    );
    const mess = fc.array(bad, { maxLength: 12 }).map((parts) => parts.join(""));
    const address = fc.oneof(
      mess,
      fc.tuple(mess, mess).map(([local, domain]) => `${local}@${domain}`),
      fc
        .tuple(mess, fc.constantFrom("example.com", "bücher.example"))
        .map(([local, domain]) => `"${local}"@${domain}`),
      fc.emailAddress(),
      fc.string(),
    );
    const HEADERS = "Auto-Submitted,Content-Type,Date,From,MIME-Version,Message-ID,Subject,To";
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(address, fc.oneof(mess, fc.string({ unit: "binary" })), async (recipient, name) => {
        relay.lines.length = 0;
        const outcome = await transport.send(mailTo(recipient, name), PERMIT);
        const dataAt = relay.lines.indexOf("DATA");
        const commands = dataAt === -1 ? relay.lines : relay.lines.slice(0, dataAt);
        const recipients = commands.filter((line) => /^rcpt/i.test(line));
        const others = commands.filter(
          (line) => !/^(RCPT TO:<|MAIL FROM:<accounts@example\.org>|EHLO |RSET$|QUIT$)/.test(line),
        );
        expect(others).toEqual([]);
        expect(recipients.length).toBe(outcome.kind === "accepted" ? 1 : 0);
        if (outcome.kind !== "accepted") return;
        accepted += 1;
        const mailbox = parseMailbox(recipient);
        if (!mailbox.ok) throw new Error(`sent to ${JSON.stringify(recipient)}`);
        expect(recipients[0]?.startsWith(`RCPT TO:<${mailbox.mailbox.localPart}@`)).toBe(true);
        const text = relay.lines.slice(dataAt + 1, relay.lines.indexOf("", dataAt));
        const names = text.filter((line) => !/^\s/.test(line)).map((line) => line.split(":", 1).join(""));
        expect(names.toSorted().join(",")).toBe(HEADERS);
      }),
      { numRuns: 300 },
    );
    expect(accepted).toBeGreaterThan(20);
  });
});

test("sends credentials where the relay asks for them", async () => {
  const seen: unknown[] = [];
  const relay = await harness.relay({
    options: {
      authOptional: false,
      disabledCommands: ["STARTTLS"],
      onAuth: ({ username, password }, _session, callback) => {
        seen.push([username, password]);
        callback(null, { user: "ok" });
      },
    },
  });
  const transport = harness.transport([at(relay.port, { user: "us@er", password: "p:w" })]);
  expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
  expect(seen).toEqual([["us@er", "p:w"]]);
});

test("describes its relays, without their credentials", () => {
  const transport = harness.transport([
    { host: "mail.example.com", port: 587, secure: false, user: "user", password: "password" },
    { host: "::1", port: 465, secure: true },
  ]);
  expect(transport.description).toBe("SMTP mail.example.com:587, then [::1]:465");
  expect(() => new SmtpTransport({ relays: [], logger: harness.log.logger })).toThrow(RangeError);
});
