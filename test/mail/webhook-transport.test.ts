/** The HTTP provider over real servers: what is posted, what each answer means, and what never leaves or gets written. */
import { execFile } from "node:child_process";
import { once } from "node:events";
import { getCACertificates, setDefaultCACertificates } from "node:tls";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import type { HandOverPermit, SendOutcome } from "../../src/mail/mail-transport.ts";
import { createComposer, type Mail } from "../../src/mail/message.ts";
import { HTTP_DELAYS } from "../../src/mail/webhook/http-rules.ts";
import { buildPayload } from "../../src/mail/webhook/payload.ts";
import {
  WebhookTransport,
  type WebhookEndpoint,
  type WebhookTransportOptions,
} from "../../src/mail/webhook/webhook-transport.ts";
import { makeCertificate } from "../support/certificate.ts";
import { TestLog } from "./log.ts";
import { mailRequest } from "./mail-request.ts";
import { isWhole, Provider, RawProvider, verified, type Answer, type Behaviour } from "./webhook-provider.ts";

const ERROR_LEVEL = 50;
const WARN_LEVEL = 40;
const SECRET = Buffer.alloc(32, "newest secret");
const OLDER_SECRET = Buffer.alloc(24, "older secret");
const PATH = "/hooks/T0KEN?key=QUERYT0KEN";
const CODE = "K7QX2M";
const CONFIDENCES = [CODE, "T0KEN", "ada@", "example.com/verify", "Lovelace", "whsec", "v1,"];
const START_MS = Date.UTC(2026, 10, 22, 20, 5);
const YES: HandOverPermit = { take: () => Promise.resolve(true), arrived() {} };
const NO: HandOverPermit = { take: () => Promise.resolve(false), arrived() {} };

const compose = createComposer({ from: { name: "Example Accounts", address: "accounts@example.org" } });

let log: TestLog;
let outcomes: SendOutcome[];
let running: { stop(): Promise<void> }[];

beforeEach(() => {
  [log, outcomes, running] = [new TestLog(), [], []];
});

afterEach(async () => {
  for (const part of running.toReversed()) await part.stop();
  const told = log.text + JSON.stringify(outcomes);
  for (const secret of [...CONFIDENCES, String(SECRET), SECRET.toString("base64")]) {
    expect(told).not.toContain(secret);
  }
});

function mail(deliveryId = "delivery-1"): Mail {
  const link = `https://example.com/verify?code=${CODE}`;
  return compose(mailRequest({ deliveryId, code: CODE, link }));
}

async function provider(answer?: Answer): Promise<Provider> {
  const started = await Provider.start(answer);
  running.push(started);
  return started;
}

async function raw(behave: Behaviour): Promise<RawProvider> {
  const started = await RawProvider.start(behave);
  running.push(started);
  return started;
}

interface Where {
  readonly port: number;
  readonly scheme?: "http" | "https";
  readonly host?: string;
  readonly allowPrivate?: boolean;
  readonly secrets?: readonly Uint8Array[];
}

function transportTo(
  { port, scheme = "http", host = "127.0.0.1", allowPrivate = false, secrets = [SECRET] }: Where,
  options: Partial<WebhookTransportOptions> = {},
): WebhookTransport {
  const endpoint: WebhookEndpoint = { url: `${scheme}://${host}:${port}${PATH}`, secrets, allowPrivate };
  // As it arrives on the mail thread.
  const transport = new WebhookTransport({
    endpoint: structuredClone(endpoint),
    logger: log.logger,
    ...options,
  });
  running.push({ stop: () => transport.close() });
  return transport;
}

async function send(transport: WebhookTransport, permit = YES, deliveryId?: string): Promise<SendOutcome> {
  const outcome = await transport.send(mail(deliveryId), permit);
  outcomes.push(outcome);
  return outcome;
}

/** Sends one mail to a provider that gives the answer. */
async function outcomeOf(answer: Answer, options?: Partial<WebhookTransportOptions>): Promise<SendOutcome> {
  return send(transportTo(await provider(answer), options));
}

/** Sends one mail to a provider that behaves so. */
async function outcomeOfRaw(
  behave: Behaviour,
  options?: Partial<WebhookTransportOptions>,
): Promise<SendOutcome> {
  return send(transportTo(await raw(behave), options));
}

describe("what is posted", () => {
  test("is the payload, signed, over a connection that is kept", async () => {
    const { port, received, sockets } = await provider();
    const transport = transportTo({ port });
    expect(transport.description).toBe(`HTTP provider http://127.0.0.1:${port}`);
    const tries = [{ relay: `127.0.0.1:${port}`, outcome: "accepted", replyCode: 204, text: "204" }];
    expect(await send(transport)).toEqual({ kind: "accepted", tries });
    expect(await send(transport)).toEqual({ kind: "accepted", tries });
    expect(sockets).toHaveLength(1);
    for (const each of received) {
      expect(each).toMatchObject({ method: "POST", path: PATH });
      expect(each.headers).toMatchObject({
        host: `127.0.0.1:${port}`,
        "content-type": "application/json",
        "content-length": String(each.body.byteLength),
        "user-agent": expect.stringMatching(/^countersign\/\d/),
        "webhook-id": "delivery-1",
      });
      expect(verified(each, SECRET)).toEqual(buildPayload(mail()));
    }
  });

  test("verifies under the newer and the older secret, and under no other", async () => {
    const { port, received } = await provider();
    await send(transportTo({ port, secrets: [SECRET, OLDER_SECRET] }));
    const [only] = received;
    if (only === undefined) throw new Error("nothing was posted");
    expect(verified(only, SECRET)).toEqual(verified(only, OLDER_SECRET));
    expect(() => verified(only, Buffer.alloc(32))).toThrow("No matching signature found");
  });

  test("has the time of its try", async () => {
    const { port, received } = await provider((response) => response.writeHead(500).end());
    let nowMs = START_MS;
    const transport = transportTo({ port }, { nowMs: () => nowMs });
    await send(transport);
    nowMs += 61_000;
    await send(transport);
    const headers = received.map((each) => [each.headers["webhook-id"], each.headers["webhook-timestamp"]]);
    expect(headers).toEqual([
      ["delivery-1", String(START_MS / 1000)],
      ["delivery-1", String(START_MS / 1000 + 61)],
    ]);
  });

  test("goes over as many connections as allowed, and no more", async () => {
    const open: (() => void)[] = [];
    const three = Promise.withResolvers<void>();
    const receiver = await provider((response) => {
      open.push(() => response.writeHead(200).end());
      if (open.length === 3) three.resolve();
      if (open.length > 3) open.at(-1)?.();
    });
    const transport = transportTo(receiver, { connections: 3 });
    const sends = Array.from({ length: 8 }, (_, index) => send(transport, YES, `delivery-${index}`));
    await three.promise;
    for (const answer of open.slice(0, 3)) answer();
    expect((await Promise.all(sends)).map(({ kind }) => kind)).toEqual(Array(8).fill("accepted"));
    expect(receiver.mostAtOnce).toBe(3);
    expect(receiver.sockets).toHaveLength(3);
  });
});

describe("answers", () => {
  test.each([200, 201, 202, 204, 299])("%i is a yes", async (status) => {
    expect(await outcomeOf((response) => response.writeHead(status).end())).toMatchObject({
      kind: "accepted",
      tries: [{ replyCode: status }],
    });
    expect(log.lines).toEqual([]);
  });

  test("early hints before the answer are none", async () => {
    const outcome = await outcomeOf((response) => {
      response.writeEarlyHints({ link: "</x>; rel=preload" });
      response.writeHead(202).end();
    });
    expect(outcome).toMatchObject({ kind: "accepted", tries: [{ replyCode: 202 }] });
  });

  test.each([
    [408, HTTP_DELAYS.failing, WARN_LEVEL],
    [425, HTTP_DELAYS.failing, WARN_LEVEL],
    [429, HTTP_DELAYS.throttled, WARN_LEVEL],
    [500, HTTP_DELAYS.failing, WARN_LEVEL],
    [502, HTTP_DELAYS.failing, WARN_LEVEL],
    [503, HTTP_DELAYS.failing, WARN_LEVEL],
    [504, HTTP_DELAYS.failing, WARN_LEVEL],
    [401, HTTP_DELAYS.misconfigured, ERROR_LEVEL],
    [403, HTTP_DELAYS.misconfigured, ERROR_LEVEL],
    [404, HTTP_DELAYS.misconfigured, ERROR_LEVEL],
    [405, HTTP_DELAYS.misconfigured, ERROR_LEVEL],
    [418, HTTP_DELAYS.misconfigured, ERROR_LEVEL],
  ])("%i is tried again", async (status, delay, level) => {
    const receiver = await provider((response) =>
      response.writeHead(status).end(`no ${CODE} for ada@example.com`),
    );
    const outcome = await send(transportTo(receiver));
    const relay = `127.0.0.1:${receiver.port}`;
    expect(outcome).toMatchObject({
      kind: "transient",
      delay,
      problem: expect.stringMatching(new RegExp(`^${relay}: ${status}: \\w`)),
      tries: [{ relay, outcome: "transient", replyCode: status }],
    });
    expect(log.lines[0]).toMatchObject({ level, relay, deliveryId: "delivery-1" });
    expect(log.lines[0]?.msg).toMatch(/^HTTP provider unusable: /);
  });

  test.each([409, 423])("%i is tried again, and holds no other mail up", async (status) => {
    const outcome = await outcomeOf((response) => response.writeHead(status, { "retry-after": "60" }).end());
    expect(outcome).toMatchObject({ kind: "transient", delay: { minMs: 60_000 } });
    expect(outcome).not.toHaveProperty("pausedUntilMs");
    expect(log.lines).toEqual([]);
  });

  test.each([400, 413, 422])("%i is the mail's end", async (status) => {
    const outcome = await outcomeOf((response) => response.writeHead(status, { "retry-after": "1" }).end());
    expect(outcome).toMatchObject({
      kind: "permanent",
      tries: [{ outcome: "permanent", replyCode: status }],
    });
    expect(log.lines).toEqual([]);
  });

  test("410 is the mail's end, and an error", async () => {
    expect(await outcomeOf((response) => response.writeHead(410).end())).toMatchObject({ kind: "permanent" });
    expect(log.lines).toMatchObject([{ level: ERROR_LEVEL }]);
  });

  test.each([301, 302, 303, 307, 308])("%i leads nowhere", async (status) => {
    const elsewhere = await provider();
    const location = `http://127.0.0.1:${elsewhere.port}/elsewhere/T0KEN`;
    const outcome = await outcomeOf((response) => response.writeHead(status, { location }).end());
    expect(outcome).toMatchObject({
      kind: "transient",
      delay: HTTP_DELAYS.misconfigured,
      problem: expect.stringContaining(`${status}: redirects are not followed`),
    });
    expect(log.lines[0]).toMatchObject({ level: ERROR_LEVEL });
    expect(elsewhere.sockets).toEqual([]);
  });
});

describe("Retry-After", () => {
  test.each([
    [429, "120"],
    [503, "Sun, 22 Nov 2026 20:07:00 GMT"],
  ])("%i, %s: no mail is posted until then", async (status, retryAfter) => {
    const receiver = await provider((response) => {
      response.writeHead(status, { "retry-after": retryAfter }).end();
    });
    let nowMs = START_MS;
    const transport = transportTo(receiver, { nowMs: () => nowMs });
    const pausedUntilMs = START_MS + 120_000;
    expect(await send(transport)).toMatchObject({
      kind: "transient",
      delay: { minMs: 120_000, maxMs: 150_000, capMs: 150_000 },
      pausedUntilMs,
    });
    nowMs = pausedUntilMs - 1;
    expect(await send(transport)).toMatchObject({ kind: "transient", pausedUntilMs, tries: [] });
    expect(receiver.received).toHaveLength(1);
    receiver.answer = (response) => response.writeHead(200).end();
    nowMs = pausedUntilMs;
    expect(await send(transport)).toMatchObject({ kind: "accepted" });
  });
});

describe("a provider that does not work", () => {
  test("rests after three faults, and a single mail finds out whether it works again", async () => {
    const receiver = await provider((response) => response.writeHead(500).end());
    let nowMs = START_MS;
    const transport = transportTo(receiver, { nowMs: () => nowMs, random: () => 0.5 });
    for (let fault = 0; fault < 3; fault++) await send(transport);
    const pausedUntilMs = START_MS + 5_000;
    const resting = {
      kind: "transient",
      tries: [],
      pausedUntilMs,
      problem: expect.stringMatching(/ rests \(500: /),
    };
    expect(await send(transport)).toMatchObject(resting);
    expect(receiver.received).toHaveLength(3);
    nowMs = pausedUntilMs;
    receiver.answer = (response) => response.writeHead(200).end();
    expect(await send(transport)).toMatchObject({ kind: "accepted" });
    const messages = log.lines.slice(-2).map(({ msg }) => msg);
    expect(messages).toEqual(["HTTP provider rests", "HTTP provider takes mail again"]);
  });

  test("is not at fault for a mail that it refuses, or one that must not go", async () => {
    const receiver = await provider((response) => response.writeHead(422).end());
    const transport = transportTo(receiver);
    for (let refusal = 0; refusal < 4; refusal++) await send(transport);
    for (let refusal = 0; refusal < 4; refusal++) await send(transport, NO);
    expect(await send(transport)).toMatchObject({ kind: "permanent" });
  });
});

describe("no answer", () => {
  const QUICK = { requestTimeoutMs: 300 };

  test("within the time for the whole", async () => {
    expect(await outcomeOf(() => {}, QUICK)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("no answer within 0.3 s"),
      delay: HTTP_DELAYS.unanswered,
    });
  });

  test("a head that drips in wins no time", async () => {
    const outcome = await outcomeOfRaw((socket, bytes) => {
      if (!isWhole(bytes)) return;
      socket.write("HTTP/1.1 200 OK\r\n");
      const drip = setInterval(() => socket.write("x-drip: 1\r\n"), 20);
      socket.on("close", () => clearInterval(drip));
    }, QUICK);
    expect(outcome).toMatchObject({ problem: expect.stringContaining("no answer within 0.3 s") });
  });

  test.each([
    ["the request was read", isWhole],
    ["a part of it was read", (bytes: string) => bytes.startsWith("POST")],
  ])("the connection is reset when %s", async (_, isTime) => {
    const outcome = await outcomeOfRaw((socket, bytes) => {
      if (isTime(bytes)) socket.resetAndDestroy();
    });
    expect(outcome).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("ECONNRESET: no answer to the whole request"),
      delay: HTTP_DELAYS.unanswered,
    });
  });

  test("the connection ends in the middle of the head", async () => {
    const outcome = await outcomeOfRaw((socket, bytes) => {
      if (isWhole(bytes)) socket.end("HTTP/1.1 200 O");
    });
    expect(outcome).toMatchObject({ kind: "transient", delay: HTTP_DELAYS.unanswered });
  });

  test("another protocol is proposed", async () => {
    const outcome = await outcomeOfRaw((socket, bytes) => {
      if (!isWhole(bytes)) return;
      socket.write("HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n");
    });
    expect(outcome).toMatchObject({ kind: "transient" });
  });

  test("an answer before the request is none", async () => {
    const receiver = await raw((socket, bytes) => {
      if (bytes === "") socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    const undecided = { take: () => new Promise<boolean>(() => {}), arrived() {} };
    expect(await send(transportTo(receiver), undecided)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("the connection broke"),
      delay: HTTP_DELAYS.unreachable,
    });
  });

  test("what answers is not HTTP", async () => {
    const outcome = await outcomeOfRaw((socket, bytes) => {
      if (isWhole(bytes)) socket.write("220 mail.example.com ESMTP\r\n");
    });
    expect(outcome).toMatchObject({
      problem: expect.stringMatching(/HPE_\w+: whatever answers, it is not HTTP/),
    });
    expect(log.lines[0]).toMatchObject({ level: ERROR_LEVEL });
  });

  test("nobody listens", async () => {
    const gone = await RawProvider.start(() => {});
    const { port } = gone;
    await gone.stop();
    expect(await send(transportTo({ port }))).toMatchObject({
      problem: `127.0.0.1:${port}: ECONNREFUSED: no connection to the provider, or a broken one`,
      delay: HTTP_DELAYS.unreachable,
    });
  });
});

describe("the body of an answer", () => {
  test("is not waited for", async () => {
    const outcome = await outcomeOf((response) => response.writeHead(202).flushHeaders());
    expect(outcome).toMatchObject({ kind: "accepted" });
  });

  test("is given up when the time is over", async () => {
    const receiver = await provider((response) => response.writeHead(202).flushHeaders());
    await send(transportTo(receiver, { requestTimeoutMs: 200 }));
    const [socket] = receiver.sockets;
    if (socket?.destroyed === false) await once(socket, "close");
    expect(log.lines).toEqual([]);
  });

  test.each([
    [8 * 1024, 1],
    [8 * 1024 + 1, 2],
  ])("of %i bytes leaves %i connections for two mails", async (bytes, connections) => {
    const receiver = await provider((response) => response.writeHead(200).end(Buffer.alloc(bytes)));
    const transport = transportTo(receiver, { connections: 1 });
    await send(transport);
    await send(transport);
    expect(receiver.sockets).toHaveLength(connections);
  });
});

describe("a kept connection that is none any more", () => {
  test("is replaced, and the permit taken again", async () => {
    let posts = 0;
    const receiver = await raw((socket, bytes) => {
      if (!isWhole(bytes)) return;
      posts += 1;
      if (posts === 2) socket.resetAndDestroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    const transport = transportTo(receiver);
    let permits = 0;
    const permit = {
      take: () => {
        permits += 1;
        return Promise.resolve(true);
      },
      arrived() {},
    };
    await send(transport);
    expect(await send(transport, permit)).toMatchObject({ kind: "accepted" });
    expect([permits, posts, receiver.received.length]).toEqual([2, 3, 2]);
  });

  test("is replaced once, and what the provider may have read is remembered", async () => {
    let posts = 0;
    const receiver = await raw((socket, bytes) => {
      if (bytes === "" && posts > 0) socket.resetAndDestroy();
      if (!isWhole(bytes)) return;
      posts += 1;
      if (posts === 2) socket.resetAndDestroy();
      else socket.write("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n");
    });
    const transport = transportTo(receiver);
    await send(transport);
    expect(await send(transport)).toMatchObject({ kind: "transient", delay: HTTP_DELAYS.unanswered });
    expect(receiver.received).toHaveLength(2);
  });
});

describe("the permit", () => {
  test("is asked for when the connection stands and nothing was written", async () => {
    const receiver = await raw((socket, bytes) => {
      if (isWhole(bytes)) socket.end("HTTP/1.1 204 No Content\r\n\r\n");
    });
    const connected = Promise.withResolvers<void>();
    const patient = {
      async take() {
        await connected.promise;
        expect(receiver.received).toEqual([""]);
        return true;
      },
      arrived() {},
    };
    const sent = send(transportTo(receiver), patient);
    while (receiver.received.length === 0) await new Promise(setImmediate);
    connected.resolve();
    expect(await sent).toMatchObject({ kind: "accepted" });
  });

  test("is told that the request has left, before any answer", async () => {
    const arrived = Promise.withResolvers<void>();
    const receiver = await raw((socket, bytes) => {
      if (!isWhole(bytes)) return;
      // Without that there is none.
      void arrived.promise.then(() => socket.end("HTTP/1.1 204 No Content\r\n\r\n"));
    });
    const permit = { take: () => Promise.resolve(true), arrived: arrived.resolve };
    expect(await send(transportTo(receiver), permit)).toMatchObject({ kind: "accepted" });
  });

  test("refused: nothing is received", async () => {
    const receiver = await raw(() => {});
    const transport = transportTo(receiver);
    expect(await send(transport, NO)).toEqual({ kind: "withdrawn" });
    await receiver.abandoned();
    expect(receiver.received.join("")).toBe("");
  });

  test("that comes too late changes nothing", async () => {
    const receiver = await raw(() => {});
    const late = Promise.withResolvers<boolean>();
    const transport = transportTo(receiver, { requestTimeoutMs: 100 });
    expect(await send(transport, { take: () => late.promise, arrived() {} })).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("no answer whether the mail may leave within 0.1 s"),
      delay: HTTP_DELAYS.internal,
    });
    expect(log.lines).toEqual([]);
    late.resolve(true);
    await late.promise;
    await receiver.abandoned();
    expect(receiver.received.join("")).toBe("");
  });

  test("that cannot be had is a fault of our own", async () => {
    const receiver = await raw(() => {});
    const permit = { take: () => Promise.reject(new Error(`${CODE} is gone`)), arrived() {} };
    expect(await send(transportTo(receiver), permit)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("no answer whether the mail may leave"),
      delay: HTTP_DELAYS.internal,
    });
    expect(log.lines).toEqual([]);
  });
});

describe("TLS", () => {
  const pair = makeCertificate();
  const trusted = getCACertificates("default");
  const never: HandOverPermit = {
    take: () => Promise.reject(new Error("asked before the handshake was over")),
    arrived() {},
  };

  async function secure(): Promise<Provider> {
    const started = await Provider.start(undefined, pair);
    running.push(started);
    return started;
  }

  afterEach(() => setDefaultCACertificates(trusted));

  test("with a certificate that the system trusts", async () => {
    setDefaultCACertificates([...trusted, pair.certificate]);
    const receiver = await secure();
    const transport = transportTo({ port: receiver.port, scheme: "https" }, { connections: 1 });
    // One opens the connection, one waits for it, one finds it idle.
    const [first, second] = await Promise.all([send(transport), send(transport, YES, "delivery-2")]);
    const third = await send(transport);
    expect([first.kind, second.kind, third.kind]).toEqual(["accepted", "accepted", "accepted"]);
    expect(receiver.sockets).toHaveLength(1);
  });

  test("with a certificate that nobody trusts: nothing is posted", async () => {
    const receiver = await secure();
    const outcome = await send(transportTo({ port: receiver.port, scheme: "https" }), never);
    expect(outcome).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("DEPTH_ZERO_SELF_SIGNED_CERT: no TLS that can be trusted"),
      delay: HTTP_DELAYS.misconfigured,
    });
    expect(receiver.received).toEqual([]);
  });

  // Other systems have one loopback address only.
  const onLinux = process.platform === "linux" ? test : test.skip;
  onLinux("with the certificate of another host: nothing is posted", async () => {
    setDefaultCACertificates([...trusted, pair.certificate]);
    const host = "127.0.0.2";
    const receiver = await Provider.start(undefined, pair, host);
    running.push(receiver);
    expect(await send(transportTo({ port: receiver.port, scheme: "https", host }), never)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("ERR_TLS_CERT_ALTNAME_INVALID: no TLS that can be trusted"),
      delay: HTTP_DELAYS.misconfigured,
    });
    expect(receiver.received).toEqual([]);
  });

  test("a handshake that never ends", async () => {
    const receiver = await raw(() => {});
    const transport = transportTo({ port: receiver.port, scheme: "https" }, { connectTimeoutMs: 100 });
    expect(await send(transport, never)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining("no connection within 0.1 s"),
      delay: HTTP_DELAYS.unreachable,
    });
  });

  test("where there is none", async () => {
    const receiver = await provider();
    const outcome = await send(transportTo({ port: receiver.port, scheme: "https" }), never);
    expect(outcome).toMatchObject({ kind: "transient", delay: HTTP_DELAYS.misconfigured });
    expect(receiver.received).toEqual([]);
  });
});

describe("where no code goes", () => {
  const never: HandOverPermit = {
    take: () => Promise.reject(new Error("asked for a refused address")),
    arrived() {},
  };

  test.each([
    ["http", "localhost", "localhost resolves to a loopback address"],
    ["https", "localhost", "localhost resolves to a loopback address"],
    ["https", "169.254.169.254", "169.254.169.254 is a metadata address"],
    ["https", "[fe80::1]", "[fe80::1] is a link-local address"],
    ["http", "10.0.0.7", "http://10.0.0.7"],
  ] as const)("%s://%s", async (scheme, host, problem) => {
    const receiver = await raw(() => {});
    expect(await send(transportTo({ port: receiver.port, scheme, host }), never)).toMatchObject({
      kind: "transient",
      problem: expect.stringContaining(problem),
      delay: HTTP_DELAYS.misconfigured,
    });
    expect(log.lines[0]).toMatchObject({ level: ERROR_LEVEL });
    expect(receiver.received).toEqual([]);
  });

  test("localhost is spoken to where private addresses are allowed", async () => {
    const receiver = await provider();
    const transport = transportTo({ port: receiver.port, host: "localhost", allowPrivate: true });
    expect(await send(transport)).toMatchObject({ kind: "accepted" });
  });

  test("a proxy of the environment", async () => {
    const proxy = await raw(() => {});
    const receiver = await provider();
    const script = `
      import { WebhookTransport } from ${JSON.stringify(import.meta.resolve("../../src/mail/webhook/webhook-transport.ts"))};
      const { mail, endpoint } = JSON.parse(process.argv[1]);
      const secrets = [Buffer.alloc(32)];
      const transport = new WebhookTransport({ endpoint: { ...endpoint, secrets }, logger: console });
      const { kind } = await transport.send(mail, { take: async () => true, arrived() {} });
      await transport.close();
      console.log(kind);
    `;
    const endpoint = { url: `http://127.0.0.1:${receiver.port}/`, allowPrivate: false };
    const proxyUrl = `http://127.0.0.1:${proxy.port}`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--input-type=module", "--eval", script, JSON.stringify({ mail: mail(), endpoint })],
      {
        env: {
          ...process.env,
          NODE_USE_ENV_PROXY: "1",
          HTTP_PROXY: proxyUrl,
          http_proxy: proxyUrl,
          NO_PROXY: "",
        },
      },
    );
    expect(stdout.trim()).toBe("accepted");
    expect(proxy.received).toEqual([]);
  });
});

describe("close", () => {
  test("breaks off what is under way, and nothing is posted after it", async () => {
    const arrived = Promise.withResolvers<void>();
    const receiver = await provider(() => arrived.resolve());
    const transport = transportTo(receiver, { connections: 1 });
    const sends = [send(transport), send(transport, YES, "delivery-2")];
    await arrived.promise;
    await transport.close();
    const [written, waiting] = await Promise.all(sends);
    const problem = expect.stringContaining("the mail transport is closed");
    expect(written).toMatchObject({ kind: "transient", problem, delay: HTTP_DELAYS.unanswered });
    expect(waiting).toMatchObject({ kind: "transient", problem, delay: HTTP_DELAYS.internal });
    expect(await send(transport)).toMatchObject({ kind: "transient", problem });
    expect(receiver.received).toHaveLength(1);
    expect(log.lines).toEqual([]);
  });

  test("ends connections that are kept, and bodies that are still read", async () => {
    const receiver = await provider((response, { headers }) => {
      response.writeHead(200).flushHeaders();
      if (headers["webhook-id"] === "delivery-1") response.end();
    });
    const transport = transportTo(receiver);
    await send(transport);
    await Promise.all([send(transport), send(transport, YES, "delivery-2")]);
    await transport.close();
    for (const socket of receiver.sockets) if (!socket.destroyed) await once(socket, "close");
  });
});

test("without a secret there is no transport", () => {
  expect(() => transportTo({ port: 1, secrets: [] })).toThrow(RangeError);
});
