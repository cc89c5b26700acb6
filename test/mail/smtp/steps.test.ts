// Every step of a session has its limit of time, and its own meaning when the session breaks there.
import { describe, expect, test } from "@jest/globals";
import type { Socket } from "node:net";
import { RETRY_DELAYS } from "../../../src/mail/retry-policy.ts";
import type { SmtpTimeLimits } from "../../../src/mail/smtp/time-limits.ts";
import { friendly, type Greeting, type Script } from "../relay.ts";
import { deafPort } from "./deaf-port.ts";
import { at, Harness, PERMIT } from "./harness.ts";
import { sampleMail } from "./sample-mail.ts";

const LIMIT_MS = 80;
/** More than any step takes that is not cut short; less than limits that are not shortened. */
const SOON_MS = 2_000;

const harness = new Harness();

const silence = () => {};
const EHLO_WITH = (keyword: string) => ({ EHLO: `250-relay\r\n250 ${keyword}` });

/** Says part of a reply now and then, and never ends it. */
function drip(socket: Socket): void {
  const timer = setInterval(() => socket.write("250-still thinking\r\n"), 10);
  socket.on("close", () => clearInterval(timer));
}

/** Reads nothing any more once the mail is to come. */
function refuseToRead(socket: Socket): void {
  socket.write("354 go on\r\n");
  socket.pause();
}

interface Stall {
  readonly step: string;
  readonly limit: keyof SmtpTimeLimits;
  readonly script: Script;
  readonly greeting?: Greeting;
  readonly problem: string;
  readonly user?: string;
  readonly secure?: true;
}

const STALLS: readonly Stall[] = [
  {
    step: "the greeting",
    limit: "greetingMs",
    script: friendly(),
    greeting: silence,
    problem: "no greeting",
  },
  {
    step: "the greeting, in drips",
    limit: "greetingMs",
    script: friendly(),
    greeting: (socket) => drip(socket),
    problem: "no greeting",
  },
  { step: "EHLO", limit: "helloMs", script: friendly({ EHLO: silence }), problem: "no reply to EHLO" },
  {
    step: "STARTTLS",
    limit: "startTlsMs",
    script: friendly({ ...EHLO_WITH("STARTTLS"), STARTTLS: silence }),
    problem: "no reply to STARTTLS",
  },
  {
    step: "the handshake of STARTTLS",
    limit: "tlsMs",
    script: friendly({ ...EHLO_WITH("STARTTLS"), STARTTLS: "220 go on" }),
    problem: "no TLS handshake",
  },
  {
    step: "the handshake of TLS from the first byte",
    limit: "tlsMs",
    script: () => undefined,
    greeting: silence,
    secure: true,
    problem: "no TLS handshake",
  },
  {
    step: "AUTH",
    limit: "authMs",
    script: friendly({ ...EHLO_WITH("AUTH PLAIN"), AUTH: silence }),
    user: "me",
    problem: "no reply to AUTH",
  },
  {
    step: "the end of a login that goes on for ever",
    limit: "authMs",
    script: friendly({ ...EHLO_WITH("AUTH PLAIN"), AUTH: "334 ", "": "334 " }),
    user: "me",
    problem: "no reply to AUTH",
  },
  { step: "MAIL", limit: "mailMs", script: friendly({ MAIL: silence }), problem: "no reply to MAIL FROM" },
  { step: "RCPT", limit: "rcptMs", script: friendly({ RCPT: silence }), problem: "no reply to RCPT TO" },
  {
    step: "RCPT, in drips",
    limit: "rcptMs",
    script: friendly({ RCPT: drip }),
    problem: "no reply to RCPT TO",
  },
  {
    step: "RCPT, pipelined",
    limit: "rcptMs",
    script: friendly({ ...EHLO_WITH("PIPELINING"), RCPT: silence, DATA: silence }),
    problem: "no reply to RCPT TO",
  },
  { step: "DATA", limit: "dataMs", script: friendly({ DATA: silence }), problem: "no reply to DATA" },
];

describe("a relay that stalls at", () => {
  test.each(STALLS)("$step", async ({ limit, script, greeting, problem, user, secure }) => {
    const relay = await harness.script(script, greeting);
    const next = await harness.script(friendly());
    const place = at(relay.port, { ...(user && { user, password: "p" }), ...(secure && { secure }) });
    const transport = harness.transport([place, at(next.port)], { timeLimits: { [limit]: LIMIT_MS } });
    const started = performance.now();
    const outcome = await transport.send(sampleMail(), PERMIT);
    expect(performance.now() - started).toBeLessThan(SOON_MS);
    expect(performance.now() - started).toBeGreaterThanOrEqual(LIMIT_MS - 1);
    expect(outcome).toMatchObject({
      kind: "accepted",
      tries: [{ outcome: "transient", text: `${problem} within 0.08 s` }, { outcome: "accepted" }],
    });
  });

  test("the connection", async () => {
    const deaf = await deafPort();
    try {
      const next = await harness.script(friendly());
      const timeLimits = { connectMs: LIMIT_MS };
      const transport = harness.transport([at(deaf.port), at(next.port)], { timeLimits });
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
        kind: "accepted",
        tries: [{ text: "no connection within 0.08 s" }, { outcome: "accepted" }],
      });
    } finally {
      await deaf.stop();
    }
  });

  test("the mail itself", async () => {
    const relay = await harness.script(friendly({ DATA: refuseToRead }));
    const next = await harness.script(friendly({ MAIL: "451 later" }));
    const transport = harness.transport([at(relay.port), at(next.port)], {
      timeLimits: { bodyMs: LIMIT_MS },
    });
    // More than the buffers of both ends hold.
    const long = sampleMail({ html: "<p>long</p>".repeat(2_000_000) });
    expect(await transport.send(long, PERMIT)).toMatchObject({
      tries: [{ text: "the mail was not read within 0.08 s" }, { text: "451 later (MAIL FROM)" }],
    });
  });

  test("the reply to the final dot keeps the mail to itself", async () => {
    for (const stall of [silence, drip]) {
      const relay = await harness.script(friendly({ ".": stall }));
      const next = await harness.script(friendly());
      const timeLimits = { finalReplyMs: LIMIT_MS };
      const transport = harness.transport([at(relay.port), at(next.port)], { timeLimits });
      expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
        kind: "transient",
        problem: "no reply to the final dot within 0.08 s",
        delay: RETRY_DELAYS.outcomeUnknown,
        tries: [{ outcome: "transient" }],
      });
      expect(next.connections).toBe(0);
    }
  });

  test("the last step gets no more than what is left of the mail's own time, but the final reply does", async () => {
    const slow = (reply: string) => (socket: Socket) =>
      void setTimeout(() => socket.write(`${reply}\r\n`), 150);
    const relay = await harness.script(friendly({ MAIL: slow("250 fine"), RCPT: silence }));
    const transport = harness.transport([at(relay.port)], { timeLimits: { untilFinalDotMs: 300 } });
    const outcome = await transport.send(sampleMail(), PERMIT);
    expect(outcome).toMatchObject({
      kind: "transient",
      problem: expect.stringMatching(/RCPT TO within 0\.1\d* s/),
    });

    const patient = await harness.script(friendly({ ".": slow("250 kept") }));
    const other = harness.transport([at(patient.port)], { timeLimits: { untilFinalDotMs: 100 } });
    expect(await other.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
  });
});

describe("a session that breaks off", () => {
  const hangUp = (socket: Socket) => void socket.destroy();

  test.each(["EHLO", "MAIL", "RCPT", "DATA"])("at %s leaves the mail to the next relay", async (command) => {
    const relay = await harness.script(friendly({ [command]: hangUp }));
    const next = await harness.script(friendly());
    const outcome = await harness.transport([at(relay.port), at(next.port)]).send(sampleMail(), PERMIT);
    expect(outcome).toMatchObject({
      kind: "accepted",
      tries: [{ outcome: "transient" }, { outcome: "accepted" }],
    });
  });

  test.each([
    [
      "in the middle of the mail",
      friendly({ DATA: (socket) => void socket.end("354 go on\r\n", () => socket.destroy()) }),
    ],
    ["after the final dot", friendly({ ".": hangUp })],
    ["in the middle of a yes", friendly({ ".": (socket) => void socket.end("250 o") })],
    ["before the last line of a yes", friendly({ ".": (socket) => void socket.end("250-it is\r\n") })],
    ["after words that are no reply", friendly({ ".": "well" })],
    ["after a reply of another time", friendly({ ".": "354 go on" })],
  ])("%s may have given the mail away: no other relay gets it", async (_, script) => {
    const relay = await harness.script(script);
    const next = await harness.script(friendly());
    const outcome = await harness.transport([at(relay.port), at(next.port)]).send(sampleMail(), PERMIT);
    expect(outcome).toMatchObject({ kind: "transient", delay: RETRY_DELAYS.outcomeUnknown });
    expect(next.connections).toBe(0);
  });

  test.each([
    ["a 421 to the final dot is a no: the next relay gets the mail", "421 4.3.2 closing", "accepted"],
    ["a 451 to the final dot is about the mail: later", "451 4.3.0 later", "transient"],
    ["a 554 to the final dot is the end", "554 5.7.1 spam", "permanent"],
  ])("%s", async (_, reply, kind) => {
    const relay = await harness.script(friendly({ ".": reply }));
    const next = await harness.script(friendly());
    const outcome = await harness.transport([at(relay.port), at(next.port)]).send(sampleMail(), PERMIT);
    expect(outcome.kind).toBe(kind);
    expect(outcome).not.toMatchObject({ delay: RETRY_DELAYS.outcomeUnknown });
  });
});

test("4xx at one try, 250 at the next", async () => {
  let isFirst = true;
  const relay = await harness.script(
    friendly({
      RCPT: (socket) => {
        socket.write(isFirst ? "451 4.7.1 greylisted, come back\r\n" : "250 fine\r\n");
        isFirst = false;
      },
    }),
  );
  const transport = harness.transport([at(relay.port)]);
  expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({
    kind: "transient",
    delay: RETRY_DELAYS.greylisted,
  });
  expect(await transport.send(sampleMail(), PERMIT)).toMatchObject({ kind: "accepted" });
});
