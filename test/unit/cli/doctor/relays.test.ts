// What the doctor makes of relays and providers: real ones, on loopback.
import { afterEach, expect, test } from "@jest/globals";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { SMTPServer, type SMTPServerOptions } from "smtp-server";
import { checkRelays } from "../../../../src/cli/doctor/mail-checks.ts";
import { ProbeFault, probeRelay } from "../../../../src/mail/smtp/relay-probe.ts";
import { makeCertificate } from "../../../support/certificate.ts";
import { load, type Env } from "../../../support/settings.ts";

const DAY_MS = 86_400_000;
const stops: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const stop of stops.splice(0)) await stop();
});

async function portOf(server: Server): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return (server.address() as AddressInfo).port;
}

async function relay(options: SMTPServerOptions, leftMs = 40 * DAY_MS): Promise<number> {
  const { certificate: cert, key } = makeCertificate({
    validFrom: new Date(Date.now() - 9 * DAY_MS),
    validTo: new Date(Date.now() + leftMs),
  });
  const server = new SMTPServer({ cert, key, disableReverseLookup: true, closeTimeout: 100, ...options });
  // Clients that do not like the certificate.
  server.on("error", () => {});
  const port = await portOf(server.server);
  stops.push(() => new Promise<void>((resolve) => server.close(() => resolve())));
  return port;
}

/** Says the lines one after the other, the first at once and each further one after a line of the client. */
async function script(...lines: readonly string[]): Promise<number> {
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket.on("error", () => {}));
    let next = 0;
    const say = () => {
      const line = lines[next++];
      if (line === "bye") socket.end();
      else if (line !== undefined) socket.write(line);
    };
    socket.on("data", say);
    say();
  });
  stops.push(() => {
    for (const socket of sockets) socket.destroy();
    return new Promise((resolve) => server.close(resolve));
  });
  return portOf(server);
}

async function look(env: Env): Promise<string[]> {
  const options = { nowMs: Date.now(), relayTimeoutMs: 5_000, dnsTimeoutMs: 1 };
  const checks = await checkRelays(load(env), options);
  return checks.map(({ name, level, found }) => `${level} ${name} ${found}`);
}

const until = (leftMs: number) => new Date(Date.now() + leftMs).toISOString().slice(0, 10);

test.each([
  ["smtp", false],
  ["smtps", true],
])("%s:// with a certificate that nobody vouches for, or that is over", async (scheme, secure) => {
  const port = await relay({ secure });
  const over = await relay({ secure }, -DAY_MS);
  const urls = [port, over].map((each) => `${scheme}://localhost:${each}`).join(",");
  expect(await look({ COUNTERSIGN_SMTP_URL: urls })).toEqual([
    expect.stringMatching(`^problem relay localhost:${port}: its certificate is not trusted: .*SELF_SIGNED`),
    `problem relay localhost:${over}, certificate expired on ${until(-DAY_MS)}`,
  ]);
});

test("without TLS a relay of this machine will do", async () => {
  const port = await relay({ hideSTARTTLS: true });
  expect(await look({ COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${port}` })).toEqual([
    `ok relay 127.0.0.1:${port} answers, on this machine`,
  ]);
});

test("each of several relays has its own line, and no line has credentials", async () => {
  const port = await relay({ hideSTARTTLS: true });
  const closed = await relay({});
  await stops.pop()?.();
  const lines = await look({
    COUNTERSIGN_SMTP_URL: `smtp://countess:secret@127.0.0.1:${closed},smtp://127.0.0.1:${port}`,
  });
  expect(lines).toEqual([
    expect.stringMatching(`^problem relay 127.0.0.1:${closed}: connecting: .*ECONNREFUSED`),
    `ok relay 127.0.0.1:${port} answers, on this machine`,
  ]);
  expect(lines.join()).not.toMatch(/countess|secret/);
});

const HELLO = "220 relay.example ESMTP\r\n";
const STARTTLS = "250-relay.example\r\n250-STARTTLS\r\n250 8BITMIME\r\n";

test.each<[string, readonly string[], string | RegExp]>([
  ["says nothing", [], "greeting: no answer within 0.3 s"],
  ["hangs up", ["bye"], "greeting: the relay closed the connection"],
  ["is busy", ["421-too many\r\n421 later\r\n"], 'greeting: the relay said "421-too many"'],
  [
    "is no relay",
    [`HTTP/1.1 400 Bad Request\r\n\r\n`, "bye"],
    /^greeting: (?:no answer within|the relay closed)/,
  ],
  ["knows no EHLO", [HELLO, "502 what\r\n"], 'EHLO: the relay said "502 what"'],
  ["hangs up at EHLO", [HELLO, "bye"], "EHLO: the relay closed the connection"],
  [
    "refuses STARTTLS",
    [HELLO, STARTTLS, "454 no TLS today\r\n"],
    'STARTTLS: the relay said "454 no TLS today"',
  ],
  ["speaks no TLS", [HELLO, STARTTLS, "220 go on\r\n", "what?\r\n"], /^TLS handshake: \S/],
  ["goes on without an end", [`220-${"x".repeat(70_000)}\r\n`], "greeting: the reply has no end"],
])("a relay that %s", async (_, lines, fault) => {
  const port = await script(...lines);
  const probe = probeRelay({ host: "127.0.0.1", port, secure: false }, 300);
  await expect(probe).rejects.toThrow(fault);
  await expect(probe).rejects.toBeInstanceOf(ProbeFault);
});

test("a reply in pieces is one reply", async () => {
  const sockets: Socket[] = [];
  const server = createServer((socket) => {
    sockets.push(socket);
    const pieces = ["22", "0-a\r", "\n220 b\r\n"];
    const next = () => {
      const piece = pieces.shift();
      if (piece !== undefined) socket.write(piece, () => setImmediate(next));
    };
    next();
    socket.once("data", () => socket.write("250 hello\r\n"));
  });
  stops.push(() => new Promise((resolve) => server.close(resolve)));
  const port = await portOf(server);
  expect(await probeRelay({ host: "127.0.0.1", port, secure: false }, 5_000)).toEqual({
    certificate: undefined,
  });
});

test("a provider, and one that is away", async () => {
  const server = createServer((socket) => void socket.resume());
  const port = await portOf(server);
  const env = {
    COUNTERSIGN_MAIL_WEBHOOK_URL: `http://127.0.0.1:${port}/hook?token=secret`,
    COUNTERSIGN_MAIL_WEBHOOK_SECRET: `whsec_${Buffer.alloc(32, 1).toString("base64")}`,
  };
  expect(await look(env)).toEqual([`ok provider 127.0.0.1:${port} takes connections`]);
  await new Promise((resolve) => server.close(resolve));
  expect(await look(env)).toEqual([
    expect.stringMatching(`^problem provider 127.0.0.1:${port}: connecting: .*ECONNREFUSED`),
  ]);
});

test("without either, mails stay", async () => {
  expect(await look({})).toEqual(["ok relay none: mails go to the dev inbox"]);
});
