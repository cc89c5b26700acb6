// SmtpTransport against relays on real sockets.
import { afterEach, describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { Socket } from "node:net";
import {
  SmtpTransport,
  type SmtpRelay,
  type SmtpTransportOptions,
} from "../../../src/mail/smtp-transport.ts";
import { parseMailbox } from "../../../src/verification/email-address.ts";
import { TestLog } from "../../mail/log.ts";
import { friendly, Refusal, Relay, ScriptedRelay, type RelayHooks, type Script } from "../../mail/relay.ts";
import { sampleMail } from "./sample.ts";

const ERROR_LEVEL = 50;
const WARN_LEVEL = 40;

const running: { stop(): Promise<void> }[] = [];
let log = new TestLog();

afterEach(async () => {
  for (const part of running.splice(0)) await part.stop();
  log = new TestLog();
});

async function startRelay(hooks?: RelayHooks): Promise<Relay> {
  const relay = await Relay.start(hooks);
  running.push(relay);
  return relay;
}

async function startScript(script: Script, greeting?: string): Promise<ScriptedRelay> {
  const relay = await ScriptedRelay.start(script, greeting);
  running.push(relay);
  return relay;
}

function at(port: number, extra: Partial<SmtpRelay> = {}): SmtpRelay {
  return { host: "127.0.0.1", port, secure: false, ...extra };
}

function transportTo(
  relays: readonly SmtpRelay[],
  options: Partial<SmtpTransportOptions> = {},
): SmtpTransport {
  const transport = new SmtpTransport({ relays, logger: log.logger, ...options });
  running.unshift({ stop: () => transport.close() });
  return transport;
}

/** A port where nobody listens. */
async function deadPort(): Promise<number> {
  const relay = await Relay.start();
  const { port } = relay;
  await relay.stop();
  return port;
}

function to(address: string, name = "Ada") {
  return sampleMail({ recipient: { name, address } });
}

describe("a refusal", () => {
  test.each([
    [550, "5.1.1 unknown", { kind: "permanent", problem: "550 5.1.1 unknown (RCPT TO)" }],
    [451, "4.7.1 greylisted", { kind: "transient", problem: "451 4.7.1 greylisted (RCPT TO)" }],
    [552, "5.2.2 full", { kind: "transient", problem: "552 5.2.2 full (RCPT TO)" }],
  ])("of the recipient with %d", async (code, text, outcome) => {
    const relay = await startRelay({
      onRecipient: () => {
        throw new Refusal(code, text);
      },
    });
    expect(await transportTo([at(relay.port)]).send(sampleMail())).toEqual(outcome);
  });

  test("of the message", async () => {
    const relay = await startRelay({
      beforeAccept: () => {
        throw new Refusal(554, "5.7.1 spam");
      },
    });
    const outcome = { kind: "permanent", problem: "554 5.7.1 spam (DATA)" };
    expect(await transportTo([at(relay.port)]).send(sampleMail())).toEqual(outcome);
  });

  test("by a relay that quotes address and link leaves neither in the outcome nor in the log", async () => {
    const relay = await startRelay({
      onRecipient: (address) => {
        throw new Refusal(421, `<${address}> wanted ${sampleMail().link}, code ${sampleMail().code}`);
      },
    });
    const outcome = await transportTo([at(relay.port)]).send(sampleMail());
    expect(outcome).toEqual({
      kind: "transient",
      problem: "421 <[hidden]> wanted [hidden], code [hidden] (CONN)",
    });
    expect(log.lines).toHaveLength(1);
    expect(log.text).not.toMatch(/ada@|K7QX2M|verify\.example/);
  });

  test("does not spoil the connection for the next mail", async () => {
    const relay = await startRelay({
      onRecipient: (address) => {
        if (address.startsWith("bad")) throw new Refusal(550, "unknown");
      },
    });
    const transport = transportTo([at(relay.port)], { connections: 1 });
    for (const address of ["a@example.com", "bad@example.com", "b@example.com"])
      await transport.send(to(address));
    expect(relay.mails.map(({ envelopeTo }) => envelopeTo)).toEqual([["a@example.com"], ["b@example.com"]]);
  });
});

describe("relays are tried in order", () => {
  test("past one that is down", async () => {
    const relay = await startRelay();
    const transport = transportTo([at(await deadPort()), at(relay.port)]);
    expect(await transport.send(sampleMail())).toEqual({ kind: "accepted" });
    expect(relay.mails).toHaveLength(1);
    expect(log.lines).toMatchObject([{ level: WARN_LEVEL, problem: "ESOCKET ECONNREFUSED (CONN)" }]);
  });

  test("past one that hangs up before its greeting, and one that greets with a refusal", async () => {
    const rude = await startScript(friendly(), "554 go away");
    const mute = await startScript((_, socket) => void socket.destroy());
    const relay = await startRelay();
    const transport = transportTo([at(rude.port), at(mute.port), at(relay.port)]);
    expect(await transport.send(sampleMail())).toEqual({ kind: "accepted" });
  });

  test("past one that refuses the credentials, with an error in the log", async () => {
    const strict = await startRelay({
      options: {
        authOptional: false,
        disabledCommands: ["STARTTLS"],
        onAuth: (_auth, _session, callback) =>
          callback(Object.assign(new Error("no"), { responseCode: 535 })),
      },
    });
    const relay = await startRelay();
    const transport = transportTo([
      at(strict.port, { user: "relay-user", password: "relay-password" }),
      at(relay.port),
    ]);
    expect(await transport.send(sampleMail())).toEqual({ kind: "accepted" });
    expect(log.lines).toMatchObject([{ level: ERROR_LEVEL }]);
    expect(log.text).toContain("535");
    expect(log.text).not.toMatch(/relay-password|relay-user/);
  });

  test("past one whose certificate nobody vouches for", async () => {
    const selfSigned = await startRelay({ options: { disabledCommands: ["AUTH"], logger: false } });
    const transport = transportTo([at(selfSigned.port)]);
    const outcome = await transport.send(sampleMail());
    expect(outcome.kind).toBe("transient");
    expect(selfSigned.recipients).toEqual([]);
    expect(log.lines).toMatchObject([{ level: ERROR_LEVEL, relay: `127.0.0.1:${selfSigned.port}` }]);
  });

  test("but not past one that spoke about the mail", async () => {
    const picky = await startRelay({
      onRecipient: () => {
        throw new Refusal(451, "later");
      },
    });
    const relay = await startRelay();
    expect((await transportTo([at(picky.port), at(relay.port)]).send(sampleMail())).kind).toBe("transient");
    expect(relay.recipients).toEqual([]);
  });

  test("and all problems are named when none can be used", async () => {
    const transport = transportTo([at(await deadPort()), at(await deadPort())]);
    expect(await transport.send(sampleMail())).toEqual({
      kind: "transient",
      problem: "ESOCKET ECONNREFUSED (CONN); next relay: ESOCKET ECONNREFUSED (CONN)",
    });
  });
});

describe("a relay that stalls", () => {
  test("a greeting that never comes ends after its time", async () => {
    const relay = await startScript(() => undefined, "");
    const transport = transportTo([at(relay.port)], { greetingTimeoutMs: 50 });
    expect(await transport.send(sampleMail())).toEqual({ kind: "transient", problem: "ETIMEDOUT (CONN)" });
  });

  test("a silence in the session ends after its time", async () => {
    const relay = await startScript(friendly({ "RCPT TO": () => {} }));
    const transport = transportTo([at(relay.port)], { socketTimeoutMs: 50 });
    expect(await transport.send(sampleMail())).toEqual({ kind: "transient", problem: "ETIMEDOUT (CONN)" });
  });

  test("a trickle that never goes silent ends with the send's time", async () => {
    let trickle: NodeJS.Timeout | undefined;
    const relay = await startScript(
      friendly({
        "RCPT TO": (socket: Socket) => {
          trickle = setInterval(() => socket.write("250-still thinking\r\n"), 10);
        },
      }),
    );
    const transport = transportTo([at(relay.port)], { sendTimeoutMs: 100 });
    expect(await transport.send(sampleMail())).toEqual({ kind: "transient", problem: "EABORT" });
    clearInterval(trickle);
  });

  test("a connection that breaks in the middle of the message is a matter of time", async () => {
    const relay = await startScript(
      friendly({ DATA: (socket) => void socket.end("354 go on\r\n", () => socket.destroy()) }),
    );
    const outcome = await transportTo([at(relay.port)]).send(sampleMail());
    expect(outcome.kind).toBe("transient");
  });

  test("close() ends what is still being sent", async () => {
    const reached = Promise.withResolvers<void>();
    const relay = await startScript(friendly({ "RCPT TO": () => reached.resolve() }));
    const transport = transportTo([at(relay.port)]);
    const outcome = transport.send(sampleMail());
    await reached.promise;
    await transport.close();
    expect((await outcome).kind).toBe("transient");
    expect((await transport.send(sampleMail())).kind).toBe("transient");
  });
});

describe("addresses beyond ASCII", () => {
  test("go out under SMTPUTF8", async () => {
    const relay = await startRelay();
    const transport = transportTo([at(relay.port)]);
    expect(await transport.send(to("zoë@bücher.example"))).toEqual({ kind: "accepted" });
    expect(await transport.send(to("émile@example.com"))).toEqual({ kind: "accepted" });
    expect(relay.recipients).toEqual(["zoë@bücher.example", "émile@example.com"]);
  });

  test("are refused, with the reason, when no relay knows SMTPUTF8", async () => {
    const relay = await startRelay({ options: { hideSMTPUTF8: true } });
    const outcome = await transportTo([at(relay.port)]).send(to("zoë@example.com"));
    expect(outcome).toMatchObject({ kind: "permanent", problem: expect.stringContaining("SMTPUTF8") });
    expect(relay.recipients).toEqual([]);
  });

  test("wait while a relay that may know SMTPUTF8 is down", async () => {
    const relay = await startRelay({ options: { hideSMTPUTF8: true } });
    const outcome = await transportTo([at(relay.port), at(await deadPort())]).send(to("zoë@example.com"));
    expect(outcome.kind).toBe("transient");
  });

  test("take the relay that knows it", async () => {
    const [old, modern] = [await startRelay({ options: { hideSMTPUTF8: true } }), await startRelay()];
    expect(await transportTo([at(old.port), at(modern.port)]).send(to("zoë@example.com"))).toEqual({
      kind: "accepted",
    });
    expect(old.recipients).toEqual([]);
    expect(modern.recipients).toEqual(["zoë@example.com"]);
  });

  test("before the @ only: a domain is sent in its ASCII form", async () => {
    const relay = await startScript(friendly());
    expect(await transportTo([at(relay.port)]).send(to("zoe@bücher.example"))).toEqual({ kind: "accepted" });
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
    const relay = await startRelay();
    const outcome = await transportTo([at(relay.port)]).send(to(address));
    expect(outcome.kind).toBe("permanent");
    expect(relay.recipients).toEqual([]);
  });

  test.each([
    '"a b"@example.com',
    '"a,b@c"@example.com',
    '"\\""@example.com',
    "a'b|c@example.com",
    "ADA@Example.COM",
  ])("%s is strange, but one recipient", async (address) => {
    const relay = await startScript(friendly());
    expect(await transportTo([at(relay.port)]).send(to(address))).toEqual({ kind: "accepted" });
    const recipients = relay.lines.filter((line) => line.startsWith("RCPT"));
    expect(recipients.map((line) => line.toLowerCase())).toEqual([`rcpt to:<${address.toLowerCase()}>`]);
  });

  test("whatever address and name: one recipient or none, and no header that Countersign does not write", async () => {
    const relay = await startScript(friendly());
    const transport = transportTo([at(relay.port)]);
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
    const HEADERS =
      "Auto-Submitted,Content-Type,Date,From,MIME-Version,Message-ID,Subject,To,X-Auto-Response-Suppress";
    let accepted = 0;
    await fc.assert(
      fc.asyncProperty(address, fc.oneof(mess, fc.string({ unit: "binary" })), async (recipient, name) => {
        relay.lines.length = 0;
        const outcome = await transport.send(to(recipient, name));
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

test("keeps its connection between mails", async () => {
  const relay = await startScript(friendly());
  const transport = transportTo([at(relay.port)], { connections: 1 });
  await transport.send(sampleMail());
  await transport.send(sampleMail());
  expect(relay.lines.filter((line) => line.startsWith("EHLO"))).toHaveLength(1);
});

test("sends credentials where the relay asks for them", async () => {
  const seen: unknown[] = [];
  const relay = await startRelay({
    options: {
      authOptional: false,
      disabledCommands: ["STARTTLS"],
      onAuth: ({ username, password }, _session, callback) => {
        seen.push([username, password]);
        callback(null, { user: "ok" });
      },
    },
  });
  const transport = transportTo([at(relay.port, { user: "us@er", password: "p:w" })]);
  expect(await transport.send(sampleMail())).toEqual({ kind: "accepted" });
  expect(seen).toEqual([["us@er", "p:w"]]);
});

test("describes its relays, without their credentials", () => {
  const transport = transportTo([
    { host: "mail.example.com", port: 587, secure: false, user: "user", password: "password" },
    { host: "::1", port: 465, secure: true },
  ]);
  expect(transport.description).toBe("SMTP mail.example.com:587, then [::1]:465");
  expect(() => new SmtpTransport({ relays: [], logger: log.logger })).toThrow(RangeError);
});
