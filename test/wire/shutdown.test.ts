// SIGTERM to a real process: what is in flight is finished, what never ends is ended, nothing is lost, exit code 0.
import { afterEach, beforeEach, describe, expect, jest, test } from "@jest/globals";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import * as http from "node:http";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { Health, HealthCheckResponse_ServingStatus as Status } from "../../gen/health/v1/health_pb.ts";
import { ServerReflection } from "../../gen/grpc/reflection/v1/reflection_pb.ts";
import { Relay } from "../mail/relay.ts";
import {
  exchangeHttp1,
  exchangeHttp2,
  RawSocket,
  readHttp2Answer,
  type Target,
} from "../support/raw-http.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";
import { at, grpc, rest, textAt } from "../support/wire-formats.ts";

// Processes start and end slowly on a busy machine.
jest.setTimeout(60_000);

const start = serverProcesses();

let dataDir: string;
const closing: (() => unknown)[] = [];
beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), "countersign-shutdown-"));
});
afterEach(async () => {
  for (const close of closing.splice(0)) await close();
  await rm(dataDir, { recursive: true, force: true });
});

interface Serving extends Target {
  readonly server: ServerProcess;
  readonly url: string;
  readonly authorization: string;
}

async function serve(env: Readonly<Record<string, string>> = {}): Promise<Serving> {
  const mode = process.env["COUNTERSIGN_DIRECT_UNARY"];
  const server = start({
    dataDir,
    env: { ...env, ...(mode !== undefined && { COUNTERSIGN_DIRECT_UNARY: mode }) },
  });
  const url = await server.ready();
  const { hostname, port } = new URL(url);
  const token = (await readFile(join(dataDir, "admin.token"), "utf8")).trim();
  return { server, url, host: hostname, port: Number(port), authorization: `Bearer ${token}` };
}

function userOf(name: string) {
  return {
    userId: name,
    profile: { givenName: name, familyName: "Example" },
    email: { email: `${name}@example.com`, isVerified: false },
  };
}

/** A request over HTTP/1.1 whose headers the server has, and whose body it waits for. */
async function begunOverHttp1({ host, port, authorization }: Serving): Promise<http.ClientRequest> {
  const agent = new http.Agent({ keepAlive: true });
  closing.push(() => agent.destroy());
  const headers = { authorization, "content-type": "application/json", expect: "100-continue" };
  const request = http.request({ host, port, agent, method: "POST", path: "/v2/users/human", headers });
  request.flushHeaders();
  await once(request, "continue");
  return request;
}

/** A gRPC call whose headers the server has, and whose message it waits for. */
async function begunOverHttp2({ url, authorization }: Serving) {
  const session = http2.connect(url);
  closing.push(() => session.destroy());
  session.on("error", () => {});
  await once(session, "connect");
  const { path, headers, body } = grpc.encode("AddHumanUser", userOf("over-http2"));
  const stream = session.request({ ":method": "POST", ":path": path, ...headers, authorization });
  // Frames are answered in their order: the headers are there when the ping is.
  await new Promise<void>((resolve, reject) => {
    session.ping((error: Error | null) => (error === null ? resolve() : reject(error)));
  });
  return { session, stream, body };
}

function grpcTransport({ url }: Serving) {
  const sessionManager = new Http2SessionManager(url);
  closing.push(() => sessionManager.abort());
  return createGrpcTransport({ baseUrl: url, sessionManager });
}

/** The error that a TCP connection fails with. */
async function connectionError({ host, port }: Target): Promise<string | undefined> {
  const socket = connect({ host, port });
  closing.push(() => socket.destroy());
  const [error] = (await Promise.race([once(socket, "error"), once(socket, "connect")])) as [
    NodeJS.ErrnoException | undefined,
  ];
  return error?.code;
}

async function isServed(serving: Serving, userId: string): Promise<boolean> {
  const request = rest.encode("GetUserByID", { userId });
  const { authorization } = serving;
  const answer = await exchangeHttp1(serving, { ...request, headers: { ...request.headers, authorization } });
  return textAt(rest.decode("GetUserByID", answer).message, "user", "userId") === userId;
}

describe("SIGTERM", () => {
  test("finishes what is in flight, refuses what is new, ends a watch, and exits with 0", async () => {
    const serving = await serve({ COUNTERSIGN_SHUTDOWN_GRACE: "1m" });
    const { server } = serving;

    const watch = createClient(Health, grpcTransport(serving)).watch({})[Symbol.asyncIterator]();
    expect(await watch.next()).toMatchObject({ value: { status: Status.SERVING } });
    const overHttp1 = await begunOverHttp1(serving);
    const overHttp2 = await begunOverHttp2(serving);
    // Two requests that have begun and are complete only after the stop. What was written to a socket of this machine
    // is read by a process before it learns of a signal that was sent later.
    const readyz = await RawSocket.open(serving);
    const healthz = await RawSocket.open(serving);
    for (const [socket, path] of [
      [readyz, "/readyz"],
      [healthz, "/healthz"],
    ] as const) {
      closing.push(() => socket.destroy());
      socket.write(`GET ${path} HTTP/1.1\r\nHost: localhost\r\n`);
    }
    expect((await exchangeHttp1(serving, { method: "GET", path: "/readyz" })).status).toBe(200);

    const goaway = once(overHttp2.session, "goaway");
    server.signal("SIGTERM");
    await goaway;
    expect(await connectionError(serving)).toBe("ECONNREFUSED");
    expect(await watch.next()).toMatchObject({ value: { status: Status.NOT_SERVING } });
    await expect(watch.next()).rejects.toMatchObject({ code: Code.Unavailable });

    readyz.write("\r\n");
    const notReady = await readyz.untilOver();
    expect(notReady).toMatch(/^HTTP\/1\.1 503 /);
    expect(notReady).toMatch(/\r\nConnection: close\r\n/i);
    expect(JSON.parse(notReady.split("\r\n\r\n")[1] ?? "")).toEqual({
      status: "stopping",
      checks: { database: "ok", writer: "ok", key: "ok" },
    });
    healthz.write("\r\n");
    expect(await healthz.untilOver()).toMatch(/^HTTP\/1\.1 200 [^]*\r\nConnection: close\r\n[^]*ok\n$/i);

    overHttp1.end(JSON.stringify(userOf("over-http1")));
    const [answer] = (await once(overHttp1, "response")) as [http.IncomingMessage];
    expect(answer.statusCode).toBe(200);
    expect(answer.headers.connection).toBe("close");
    expect(JSON.parse((await buffer(answer)).toString())).toMatchObject({ userId: "over-http1" });

    overHttp2.stream.end(overHttp2.body);
    const { message } = grpc.decode("AddHumanUser", await readHttp2Answer(overHttp2.stream));
    expect(at(message, "userId")).toBe("over-http2");

    expect(await server.exited).toEqual({ code: 0, signal: null });
    expect(server.complaints).toBe("");

    const next = await serve();
    expect(await isServed(next, "over-http1")).toBe(true);
    expect(await isServed(next, "over-http2")).toBe(true);
  });

  test("after the grace ends streams with UNAVAILABLE, cuts off what is left, and exits with 0", async () => {
    const serving = await serve({ COUNTERSIGN_SHUTDOWN_GRACE: "1s" });
    const over = new AbortController();
    closing.push(() => over.abort());
    async function* oneQuestion() {
      yield { messageRequest: { case: "listServices" as const, value: "" } };
      await once(over.signal, "abort");
    }
    const reflection = createClient(ServerReflection, grpcTransport(serving));
    const answers = reflection.serverReflectionInfo(oneQuestion())[Symbol.asyncIterator]();
    expect(await answers.next()).toMatchObject({ done: false });
    const neverEnding = await begunOverHttp1(serving);
    const cut = once(neverEnding, "error");

    serving.server.signal("SIGTERM");
    const ended = await answers.next().then(
      () => undefined,
      (error: unknown) => ConnectError.from(error).code,
    );
    expect(ended).toBe(Code.Unavailable);
    await cut;
    expect(await serving.server.exited).toEqual({ code: 0, signal: null });
  });

  test("a second one does not wait", async () => {
    const serving = await serve({ COUNTERSIGN_SHUTDOWN_GRACE: "1h" });
    const neverEnding = await begunOverHttp1(serving);
    neverEnding.on("error", () => {});
    const { session } = await begunOverHttp2(serving);
    const goaway = once(session, "goaway");
    serving.server.signal("SIGTERM");
    await goaway;
    // Two within 250 ms count as one: Ctrl-C under npm is such a pair.
    await pause(300);
    expect(await serving.server.end("SIGTERM")).toEqual({ code: 143, signal: null });
  });

  test("a mail that is being sent is broken off and released: the next process sends it at once", async () => {
    const reached = Promise.withResolvers<void>();
    const stuck = await Relay.start({
      beforeAccept: () => {
        reached.resolve();
        return new Promise(() => {});
      },
    });
    const relay = await Relay.start();
    closing.push(
      () => stuck.stop(),
      () => relay.stop(),
    );
    const first = await serve({
      COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${stuck.port}`,
      COUNTERSIGN_SHUTDOWN_GRACE: "500ms",
    });
    const add = rest.encode("AddHumanUser", {
      ...userOf("ada"),
      email: { email: "ada@example.com", sendCode: {} },
    });
    const { authorization } = first;
    await exchangeHttp1(first, { ...add, headers: { ...add.headers, authorization } });
    await reached.promise;
    expect(await first.server.end("SIGTERM")).toEqual({ code: 0, signal: null });

    // The lease would have lasted for a minute, longer than this test may.
    const second = await serve({ COUNTERSIGN_SMTP_URL: `smtp://127.0.0.1:${relay.port}` });
    const { envelopeTo } = await relay.mail();
    expect(envelopeTo).toEqual(["ada@example.com"]);
    expect(await second.server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  }, 30_000);

  test("with nothing to wait for takes no grace", async () => {
    const serving = await serve({ COUNTERSIGN_SHUTDOWN_GRACE: "1h" });
    // Idle connections of both kinds do not hold it up.
    const agent = new http.Agent({ keepAlive: true });
    closing.push(() => agent.destroy());
    const idle = http.get({ ...serving, agent, path: "/healthz" });
    const [answer] = (await once(idle, "response")) as [http.IncomingMessage];
    await buffer(answer);
    const silent = connect(serving);
    closing.push(() => silent.destroy());
    await once(silent, "connect");
    silent.on("error", () => {});
    await exchangeHttp2(serving, { method: "GET", path: "/healthz" });
    const session = http2.connect(serving.url);
    closing.push(() => session.destroy());
    session.on("error", () => {});
    await once(session, "connect");
    expect(await serving.server.end("SIGTERM")).toEqual({ code: 0, signal: null });
  });
});
