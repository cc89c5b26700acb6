// Clients that take their time, and requests that are none: each is cut off, and the calls beside go on.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import * as http2 from "node:http2";
import { createConnection } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { HTTP2_OPTIONS } from "../../src/transport/limits.ts";
import { Listener } from "../../src/transport/listener.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { expectGoodCalls } from "../support/good-call.ts";
import { frameTypes, getHeaders, GREETING, http2Frame, PREFACE } from "../support/http2-frames.ts";
import { exchangeHttp1, RawSocket, readHttp2Answer } from "../support/raw-http.ts";
import {
  connectProto,
  encodeMessage,
  frame,
  methodOf,
  procedurePath,
  rest,
  textAt,
} from "../support/wire-formats.ts";

const MIB = 1024 * 1024;

/** Short enough to be waited for, and far enough from one another to be told apart. */
const SHORT = {
  firstBytesTimeoutMs: 150,
  headersTimeoutMs: 300,
  requestTimeoutMs: 500,
  answerTimeoutMs: 500,
  http1IdleTimeoutMs: 200,
  http2IdleTimeoutMs: 900,
  checkIntervalMs: 20,
};
/** How late a time-out may come where the processor is busy with other tests. */
const LATE_MS = 3_000;
/** Milliseconds between two bytes of a client that is slow on purpose. */
const DRIP_MS = 25;

const PING = http2Frame(frameTypes.ping, 0, 0, Buffer.alloc(8));

/** Once the server has answered it, it has seen all that was sent before. */
function ping(session: http2.ClientHttp2Session): Promise<void> {
  return new Promise((resolve) => session.ping(() => resolve()));
}

describe("time-outs", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication({ limits: SHORT });
  });
  afterAll(() => application.stop());
  afterEach(() => expectGoodCalls(application));

  /** @returns what came until the end, and after how many milliseconds that was */
  async function untilOver(socket: RawSocket): Promise<{ text: string; afterMs: number }> {
    const startedMs = performance.now();
    const text = await socket.untilOver();
    socket.destroy();
    return { text, afterMs: performance.now() - startedMs };
  }

  function expectAfter(afterMs: number, limitMs: number): void {
    // Timers of different clocks may differ by a few milliseconds.
    expect(afterMs).toBeGreaterThan(limitMs - 50);
    expect(afterMs).toBeLessThan(limitMs + LATE_MS);
  }

  async function openSession(options: http2.ClientSessionOptions = {}): Promise<http2.ClientHttp2Session> {
    const session = http2.connect(application.url, options);
    session.on("error", () => {});
    await once(session, "remoteSettings");
    return session;
  }

  const authorization = () => ({ authorization: `Bearer ${application.token}` });

  test.each([
    ["nothing", ""],
    ["one byte that could be HTTP/2", "P"],
    ["half a preface", PREFACE.subarray(0, 12).toString("latin1")],
  ])("%s: the connection is dropped", async (_name, text) => {
    const socket = await RawSocket.open(application);
    socket.write(text);
    const { text: answer, afterMs } = await untilOver(socket);
    expect(answer).toBe("");
    expectAfter(afterMs, SHORT.firstBytesTimeoutMs);
  });

  test.each([
    ["a header", "POST /v2/users HTTP/1.1\r\nHost: x\r\nX-Slow: ", SHORT.headersTimeoutMs],
    [
      "a body",
      "POST /v2/users HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n",
      SHORT.requestTimeoutMs,
    ],
    [
      "the name of a chunk's size",
      "POST /v2/users HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n1;",
      SHORT.requestTimeoutMs,
    ],
    [
      "a body for connect-node",
      "POST /grpc.health.v1.Health/Check HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 100000\r\n\r\n",
      SHORT.requestTimeoutMs,
    ],
    [
      "a form",
      "POST /verify HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 10000\r\n\r\n",
      SHORT.requestTimeoutMs,
    ],
  ])("%s that comes drop by drop ends with 408, HTTP/1.1", async (_name, text, limitMs) => {
    const socket = await RawSocket.open(application);
    // Strangers would not be waited for.
    socket.write(text.replace("Host: x", `Host: x\r\nAuthorization: ${authorization().authorization}`));
    const drip = setInterval(() => socket.write("x"), DRIP_MS);
    const { text: answer, afterMs } = await untilOver(socket);
    clearInterval(drip);
    expect(answer).toMatch(
      /^HTTP\/1\.1 408 [^]*\r\nConnection: close\r\n[^]*\{"code":4,"message":"[^"]*"\}$/,
    );
    expectAfter(afterMs, limitMs);
  });

  test("a connection without requests ends, HTTP/1.1", async () => {
    const socket = await RawSocket.open(application);
    socket.write("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n");
    const { text, afterMs } = await untilOver(socket);
    expect(text).toMatch(/^HTTP\/1\.1 200 /);
    // Node adds a second, for clients that go by its Keep-Alive header.
    expectAfter(afterMs, SHORT.http1IdleTimeoutMs + 1_000);
  });

  test("an answer that nobody takes ends its connection, HTTP/1.1", async () => {
    const listener = new Listener({ limits: SHORT });
    const { port } = await listener.listen("127.0.0.1", 0);
    const ended = Promise.withResolvers<void>();
    listener.serve({
      request(_request, response) {
        response.once("close", ended.resolve);
        // More than the system's buffers take.
        (response as { end(bytes: Uint8Array): unknown }).end(new Uint8Array(64 * MIB));
      },
      stream: () => false,
    });
    const socket = createConnection({ host: "127.0.0.1", port }).pause();
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    const startedMs = performance.now();
    await ended.promise;
    expectAfter(performance.now() - startedMs, SHORT.answerTimeoutMs);
    socket.destroy();
    await listener.close(0, () => {});
  });

  test.each([
    ["its settings", PREFACE],
    ["the acknowledgement of ours", GREETING.subarray(0, PREFACE.length + 9)],
  ])("a session that keeps %s to itself ends with SETTINGS_TIMEOUT", async (_name, bytes) => {
    const socket = await RawSocket.open(application);
    socket.write(bytes);
    const { text, afterMs } = await untilOver(socket);
    const goaway = http2Frame(
      7,
      0,
      0,
      Buffer.from([0, 0, 0, 0, 0, 0, 0, http2.constants.NGHTTP2_SETTINGS_TIMEOUT]),
    );
    expect(text).toContain(goaway.toString("latin1"));
    expectAfter(afterMs, SHORT.firstBytesTimeoutMs);
  });

  test("a session without calls ends with GOAWAY, from its last call on", async () => {
    const session = await openSession();
    await sleep(SHORT.http2IdleTimeoutMs / 2);
    const stream = session.request({ ":path": "/v2/users/nobody" });
    expect((await readHttp2Answer(stream)).status).toBe(401);
    const startedMs = performance.now();
    const [code] = (await once(session, "goaway")) as [number];
    expect(code).toBe(http2.constants.NGHTTP2_NO_ERROR);
    expectAfter(performance.now() - startedMs, SHORT.http2IdleTimeoutMs);
    await once(session, "close");
  });

  test("pings do not keep a session without calls", async () => {
    const session = await openSession();
    const pinging = setInterval(() => session.ping(() => {}), DRIP_MS);
    const startedMs = performance.now();
    await once(session, "goaway");
    clearInterval(pinging);
    expectAfter(performance.now() - startedMs, SHORT.http2IdleTimeoutMs);
  });

  test("a session that does not hang up when told to is dropped", async () => {
    const { host, port } = application;
    const socket = createConnection({ host, port, allowHalfOpen: true });
    socket.on("error", () => {}).resume();
    const closed = new Promise((resolve) => socket.once("close", resolve));
    socket.write(GREETING);
    await once(socket, "end");
    const startedMs = performance.now();
    // Bytes for a connection that is no more are answered with a reset.
    const drip = setInterval(() => socket.write(PING), DRIP_MS);
    await closed;
    clearInterval(drip);
    expectAfter(performance.now() - startedMs, SHORT.firstBytesTimeoutMs);
  });

  test.each([
    ["REST", "/v2/users", "application/json"],
    ["gRPC", procedurePath("ListUsers"), "application/grpc"],
    ["Connect", procedurePath("ListUsers"), "application/proto"],
    ["connect-node", "/grpc.health.v1.Health/Check", "application/proto"],
    ["a form", "/verify", "application/x-www-form-urlencoded"],
  ])(
    "a body that comes drop by drop costs its stream, and no other: %s",
    async (_name, path, contentType) => {
      const session = await openSession();
      const stream = session.request({
        ":method": "POST",
        ":path": path,
        "content-type": contentType,
        ...authorization(),
      });
      stream.on("error", () => {}).resume();
      // Where messages have a prefix, one of 1,000 bytes.
      stream.write(Buffer.from([0, 0, 0, 3, 232]));
      const drip = setInterval(() => stream.write("\0"), DRIP_MS);
      const startedMs = performance.now();
      await once(stream, "close");
      clearInterval(drip);
      expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
      expectAfter(performance.now() - startedMs, SHORT.requestTimeoutMs);
      const next = session.request({ ":path": "/v2/users/nobody", ...authorization() });
      expect((await readHttp2Answer(next)).status).toBe(404);
      session.destroy();
    },
  );

  test("an answer that nobody takes costs its stream, and no other", async () => {
    const session = await openSession({ settings: { initialWindowSize: 0 } });
    const stream = session.request({ ":path": "/v2/users/nobody", ...authorization() });
    stream.on("error", () => {});
    const startedMs = performance.now();
    await once(stream, "close");
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    expectAfter(performance.now() - startedMs, SHORT.answerTimeoutMs);
    expect(session.destroyed).toBe(false);
    session.destroy();
  });

  test("a stream on which the server speaks may be silent for longer than all of these", async () => {
    const session = await openSession();
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.health.v1.Health/Watch",
      "content-type": "application/grpc",
    });
    stream.end(frame(Buffer.alloc(0)));
    await once(stream, "data");
    const first = await Promise.race([
      once(stream, "close").then(() => "ended"),
      sleep(SHORT.http2IdleTimeoutMs + SHORT.requestTimeoutMs + SHORT.answerTimeoutMs).then(() => "silent"),
    ]);
    expect(first).toBe("silent");
    session.destroy();
  });

  test("a conversation may go on, and ends when the client falls silent", async () => {
    const session = await openSession();
    const stream = session.request({
      ":method": "POST",
      ":path": "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
      "content-type": "application/grpc",
    });
    stream.on("error", () => {});
    // list_services: ""
    const question = frame(Buffer.from([0x3a, 0x00]));
    const startedMs = performance.now();
    while (performance.now() - startedMs < 2 * SHORT.requestTimeoutMs) {
      const answered = once(stream, "data");
      stream.write(question);
      await answered;
      await sleep(DRIP_MS);
    }
    const silentMs = performance.now();
    await once(stream, "close");
    expect(stream.rstCode).toBe(http2.constants.NGHTTP2_CANCEL);
    expectAfter(performance.now() - silentMs, SHORT.http2IdleTimeoutMs);
    session.destroy();
  });
});

describe("what is refused", () => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication();
  });
  afterAll(() => application.stop());
  afterEach(() => expectGoodCalls(application));

  test.each([
    ["no Host", "GET /v2/users/nobody HTTP/1.1\r\n", /missing Host/],
    ["an empty Host", "GET /v2/users/nobody HTTP/1.1\r\nHost:\r\n", /malformed Host/],
    ["a Host with a blank", "GET /v2/users/nobody HTTP/1.1\r\nHost: a b\r\n", /malformed Host/],
    [
      "a Host with a port above 65535",
      "GET /v2/users/nobody HTTP/1.1\r\nHost: a:65536\r\n",
      /malformed Host/,
    ],
    ["a Host with a user", "GET /v2/users/nobody HTTP/1.1\r\nHost: u@a\r\n", /malformed Host/],
    ["two Hosts", "GET /v2/users/nobody HTTP/1.1\r\nHost: a\r\nhost: a\r\n", /more than one Host/],
    ["two Hosts for a page", "GET /verify HTTP/1.1\r\nHost: a\r\nHost: a\r\n", /more than one Host/],
    [
      "chunks in HTTP/1.0",
      "POST /v2/users HTTP/1.0\r\nTransfer-Encoding: chunked\r\n",
      /Transfer-Encoding in HTTP\/1\.0/,
    ],
    [
      "chunks of gzip",
      "POST /v2/users HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n",
      /unsupported Transfer-Encoding/,
    ],
    ["HTTP/2.0 in words", "GET /v2/users HTTP/2.0\r\nHost: a\r\n", /unsupported HTTP version/],
    ["HTTP/0.9", "GET /v2/users/nobody\r\n", /unsupported HTTP version/],
    [
      "no parser's request",
      "GET /v2/users/nobody HTTP/1.1\r\nHost: a\r\nX : y\r\n",
      /malformed HTTP request/,
    ],
  ])("%s: 400 with a reason, and nothing more is read", async (_name, text, reason) => {
    const socket = await RawSocket.open(application);
    const smuggled = "GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n";
    socket.write(`${text}\r\n${smuggled}`);
    const answer = await socket.untilOver();
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer).toMatch(reason);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/\r\nconnection: close\r\n/i);
    expect(answer).toMatch(/\r\nx-content-type-options: nosniff\r\n/i);
    expect(answer).not.toMatch(/\bat .*:\d+:\d+|node:/);
    socket.destroy();
  });

  test("a Host as browsers, curl and IPv6 spell it is not", async () => {
    for (const host of [
      "localhost",
      "LOCALHOST:80",
      "127.0.0.1:8080",
      "[::1]:8080",
      "verify.example.com.",
      "a_b-c.example",
      "xn--bcher-kva.example",
    ]) {
      const socket = await RawSocket.open(application);
      socket.write(`GET /v2/users/nobody HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      expect([host, (await socket.untilOver()).slice(0, 12)]).toEqual([host, "HTTP/1.1 401"]);
      socket.destroy();
    }
  });

  test("headers beyond 16 KiB are answered before they are all there, HTTP/1.1", async () => {
    const socket = await RawSocket.open(application);
    socket.write("GET /v2/users/nobody HTTP/1.1\r\nHost: a\r\n");
    for (let index = 0; index < 100; index++) socket.write(`X-${index}: ${"x".repeat(32_000)}\r\n`);
    expect(await socket.untilOver()).toMatch(
      /^HTTP\/1\.1 431 [^]*\{"code":8,"message":"the request's headers are too large"\}$/,
    );
  });

  test.each([
    ["one header of 17 KiB", { "x-long": "x".repeat(17 * 1024) }],
    [
      "17 headers of 1 KiB",
      Object.fromEntries(Array.from({ length: 17 }, (_, index) => [`x-${index}`, "x".repeat(1024)])),
    ],
    ["90 KiB of headers", { "x-long": "x".repeat(45 * 1024), "x-longer": "x".repeat(45 * 1024) }],
    ["200 short headers", Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`x-${index}`, "x"]))],
  ])("%s cost their stream, HTTP/2", async (_name, headers) => {
    const session = http2.connect(application.url, { maxSendHeaderBlockLength: 256 * 1024 });
    for (const when of ["before the settings are known", "after"]) {
      if (when === "after") await ping(session);
      const stream = session.request({ ":path": "/v2/users/nobody", ...headers });
      stream.on("error", () => {}).resume();
      await once(stream, "close").catch(() => {});
      expect([when, stream.rstCode]).toEqual([when, http2.constants.NGHTTP2_ENHANCE_YOUR_CALM]);
    }
    expect((await readHttp2Answer(session.request({ ":path": "/v2/users/nobody" }))).status).toBe(401);
    session.destroy();
  });

  test("headers without an end cost the connection, HTTP/2", async () => {
    const socket = await RawSocket.open(application);
    socket.write(GREETING);
    socket.write(http2Frame(frameTypes.headers, 0, 1, getHeaders("/v2/users/nobody")));
    // x-a: xxx..., never indexed
    const more = Buffer.concat([
      Buffer.from([0x10, 3]),
      Buffer.from("x-a"),
      Buffer.from([100]),
      Buffer.alloc(100, "x"),
    ]);
    for (let index = 0; index < 1_000; index++) socket.write(http2Frame(frameTypes.continuation, 0, 1, more));
    await socket.untilOver();
  });

  test("more streams at a time than allowed are refused, and the others answered", async () => {
    const limit = HTTP2_OPTIONS.settings?.maxConcurrentStreams ?? 0;
    // Such a client does not wait for the server's settings.
    const session = http2.connect(application.url, { peerMaxConcurrentStreams: 2 * limit });
    session.on("error", () => {});
    const headers = {
      ":method": "POST",
      ":path": "/v2/users/nobody/lock",
      authorization: `Bearer ${application.token}`,
    };
    const streams = Array.from({ length: limit + 50 }, () => session.request(headers));
    const outcomes = streams.map((stream) =>
      readHttp2Answer(stream).then(
        ({ status }) => status,
        () => "refused",
      ),
    );
    await once(session, "remoteSettings");
    await ping(session);
    for (const stream of streams) stream.end();
    const counted = await Promise.all(outcomes);
    expect(counted.filter((outcome) => outcome === 404)).toHaveLength(limit);
    expect(counted.filter((outcome) => outcome === "refused")).toHaveLength(50);
    session.destroy();
  });

  test.each([
    ["REST, no body", (userId: string) => rest.encode("DeactivateUser", { userId }), 0],
    [
      "Connect, as much of the body as makes a message",
      (userId: string) => ({
        ...connectProto.encode("DeactivateUser", { userId }),
        body: Buffer.concat([
          encodeMessage(methodOf("DeactivateUser").input, { userId }),
          Buffer.from([0x0a]),
        ]),
      }),
      1,
    ],
  ])("a request that is broken off is not carried out: %s", async (_name, encode, heldBack) => {
    const authorization = { authorization: `Bearer ${application.token}` };
    const add = rest.encode("AddHumanUser", {
      profile: { givenName: "Ada", familyName: "Lovelace" },
      // Nothing is on its way that would change the user by itself.
      email: { email: `broken-off-${heldBack}@example.com`, isVerified: true },
    });
    const added = await exchangeHttp1(application, { ...add, headers: { ...add.headers, ...authorization } });
    const userId = textAt(rest.decode("AddHumanUser", added).message, "userId");

    const { path, headers, body } = encode(userId);
    const session = http2.connect(application.url);
    const readUser = async () => {
      const get = session.request({ ":path": `/v2/users/${userId}`, ...authorization });
      return rest.decode("GetUserByID", await readHttp2Answer(get)).message;
    };
    const before = await readUser();
    const stream = session.request({ ":method": "POST", ":path": path, ...headers, ...authorization });
    stream.on("error", () => {});
    if (heldBack > 0 && body !== undefined) stream.write(Buffer.from(body).subarray(0, -heldBack));
    await ping(session);
    stream.close(http2.constants.NGHTTP2_CANCEL);
    await ping(session);

    // Had it been carried out, it would have been before this.
    await expectGoodCalls(application);
    expect(await readUser()).toEqual(before);
    session.destroy();
  });
});

test("connections beyond the limit are closed, and the others served", async () => {
  const limit = 20;
  const limited = await startTestApplication({ limits: { maxConnections: limit } });
  const get = "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
  const sockets: RawSocket[] = [];
  for (let index = 0; index < limit + 5; index++) sockets.push(await RawSocket.open(limited));
  const [first, ...others] = sockets.splice(0, limit);
  for (const socket of sockets) expect(await socket.untilOver()).toBe("");
  expect(others.filter(({ isOver }) => isOver)).toEqual([]);
  first?.write(get);
  expect(await first?.untilOver()).toMatch(/^HTTP\/1\.1 200 /);
  for (const socket of others) socket.destroy();
  // As soon as the server has noticed, there is room again.
  for (let answer = ""; answer === "";) {
    const socket = await RawSocket.open(limited);
    socket.write(get);
    answer = await socket.untilOver();
  }
  await limited.stop();
});
