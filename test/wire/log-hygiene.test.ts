// A whole session with a real process at the most talkative level: every call, good and bad, in every format, with
// secrets wherever a client can put them. The log has one line for each answer, and none of the secrets.
import { afterEach, describe, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import * as http2 from "node:http2";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import {
  exchangeHttp1,
  exchangeHttp2,
  RawSocket,
  type RawAnswer,
  type RawRequest,
  type Target,
} from "../support/raw-http.ts";
import { serverProcesses, type ServerProcess } from "../support/server-process.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";
import {
  at,
  formats,
  frame,
  procedurePath,
  rest,
  type Format,
  type MethodName,
} from "../support/wire-formats.ts";

const start = serverProcesses();

const closing: (() => unknown)[] = [];
afterEach(async () => {
  for (const close of closing.splice(0).toReversed()) await close();
});

interface LogLine {
  readonly level: string;
  readonly msg: string;
  readonly requestId?: string;
  readonly [name: string]: unknown;
}

/** Lines that are the one line of a request. */
const REQUEST_LINES = ["call", "call failed", "request refused", "page"];
const TRACE_ID = "4bf92f3577b34da6a3ce929d0e0e4736";

class Session implements Target {
  readonly host: string;
  readonly port: number;
  readonly token: string;
  /** Texts that must not be logged. */
  readonly secrets: string[] = [];
  /** `x-request-id` of every answer that is to have a line. */
  readonly answered: string[] = [];
  readonly #server: ServerProcess;
  #names = 0;

  constructor(server: ServerProcess, url: string, token: string) {
    const { hostname, port } = new URL(url);
    this.host = hostname;
    this.port = Number(port);
    this.token = token;
    this.#server = server;
    this.secrets.push(token);
  }

  secret(text: string): string {
    this.secrets.push(text);
    return text;
  }

  /** An address that nothing else in the session has. */
  address(): string {
    this.#names += 1;
    return this.secret(`private-${this.#names}@mail-${this.#names}.example`);
  }

  async send(request: RawRequest, httpVersion: 1 | 2 = 1): Promise<RawAnswer> {
    const headers = { authorization: `Bearer ${this.token}`, ...request.headers };
    const answer = await (httpVersion === 2 ? exchangeHttp2 : exchangeHttp1)(this, { ...request, headers });
    const requestId = answer.headers["x-request-id"];
    if (requestId === undefined) throw new Error(`no x-request-id: ${request.method} ${request.path}`);
    this.answered.push(requestId);
    return answer;
  }

  async call(format: Format, method: MethodName, message: JsonObject) {
    return format.decode(method, await this.send(format.encode(method, message), format.httpVersion));
  }

  /** Ends the process. @returns all that it said */
  async end(): Promise<{ text: string; lines: LogLine[] }> {
    expect(await this.#server.end("SIGTERM")).toEqual({ code: 0, signal: null });
    const { complaints, output } = this.#server;
    const lines = complaints
      .split("\n")
      .filter((line) => line !== "")
      .map((line) => {
        if (!line.startsWith("{")) throw new Error(`not written by the logger: ${line}`);
        return JSON.parse(line) as LogLine;
      });
    return { text: complaints + output, lines };
  }
}

async function startSession(env: Readonly<Record<string, string>>, recorder: SmtpRecorder): Promise<Session> {
  const dataDir = await mkdtemp(join(tmpdir(), "countersign-log-"));
  closing.push(() => rm(dataDir, { recursive: true, force: true }));
  const server = start({
    dataDir,
    env: { COUNTERSIGN_LOG_LEVEL: "trace", COUNTERSIGN_SMTP_URL: recorder.url, ...env },
  });
  const url = await server.ready();
  return new Session(server, url, (await readFile(join(dataDir, "admin.token"), "utf8")).trim());
}

/** All that one user can go through, with every secret that it makes. */
async function goodCalls(session: Session, recorder: SmtpRecorder, format: Format): Promise<void> {
  const address = session.address();
  const name = session.secret(`Familyname${address.length}x${session.secrets.length}`);
  const host = session.secret(`links-${session.secrets.length}.example`);
  const urlTemplate = `https://${host}/u?user={{.UserID}}&code={{.Code}}`;
  const call = async (method: MethodName, message: JsonObject) => {
    const { message: reply, error } = await session.call(format, method, message);
    if (error !== undefined) throw new Error(`${format.name} ${method}: ${error.message}`);
    return reply;
  };
  const codeOf = (reply: Awaited<ReturnType<typeof call>>) => {
    const code = at(reply, "verificationCode");
    if (typeof code !== "string") throw new Error("no code was returned");
    return session.secret(code);
  };
  // Some choose the address as the id.
  const userId = address;
  await call("AddHumanUser", {
    userId,
    profile: { givenName: "Ada", familyName: name },
    email: { email: address, sendCode: { urlTemplate } },
  });
  const first = await recorder.waitForMail(address);
  session.secrets.push(first.code, first.link.href);
  await call("ResendEmailCode", { userId, sendCode: { urlTemplate } });
  const second = await recorder.waitForMail(address);
  session.secrets.push(second.code, second.link.href);
  const wrong = await session.call(format, "VerifyEmail", { userId, verificationCode: first.code });
  expect(wrong.error?.code).toBe(3);
  await call("VerifyEmail", {
    userId,
    verificationCode: codeOf(await call("SendEmailCode", { userId, returnCode: {} })),
  });
  const other = session.address();
  codeOf(await call("SetEmail", { userId, email: other, returnCode: {} }));
  await call("GetUserByID", { userId });
  await call("ListUsers", { queries: [{ emailQuery: { emailAddress: other } }] });
  await call("UpdateHumanUser", {
    userId,
    profile: { givenName: "Ada", familyName: name, displayName: name },
  });
  for (const method of ["DeactivateUser", "ReactivateUser", "LockUser", "UnlockUser"] as const) {
    await call(method, { userId });
  }
  await call("DeleteUser", { userId });
}

async function badCalls(session: Session, format: Format): Promise<void> {
  const userId = session.address();
  const code = session.secret(`WRONG${session.secrets.length}CODE`);
  const password = session.secret(`hunter2-${session.secrets.length}`);
  const user = { userId, profile: { givenName: "Ada", familyName: "L" } };
  const refused: readonly [MethodName, JsonObject][] = [
    ["AddHumanUser", { ...user, email: { email: `<${session.address()}>`, isVerified: false } }],
    ["AddHumanUser", { ...user, email: { email: session.address() }, password: { password } }],
    [
      "AddHumanUser",
      { ...user, email: { email: session.address(), sendCode: { urlTemplate: `javascript:${code}` } } },
    ],
    ["GetUserByID", { userId }],
    ["ListUsers", { queries: [{ emailQuery: { emailAddress: session.address().repeat(10) } }] }],
    ["SetEmail", { userId, email: session.address() }],
    ["SendEmailCode", { userId, sendCode: { urlTemplate: `https://${code}.example/{{.Secret}}` } }],
    ["ResendEmailCode", { userId }],
    ["VerifyEmail", { userId, verificationCode: code }],
    ["UpdateHumanUser", { userId, email: { email: session.address() } }],
    ["DeleteUser", { userId }],
    ["LockUser", { userId }],
  ];
  for (const [method, message] of refused) {
    const { error } = await session.call(format, method, message);
    expect([method, message, error?.code]).toEqual([method, message, expect.any(Number)]);
  }
  // Strangers, and tokens that are none.
  const request = format.encode("VerifyEmail", { userId, verificationCode: code });
  for (const authorization of [
    "",
    `Bearer ${code}`,
    `Basic ${password}`,
    `bearer ${session.token.slice(1)}`,
  ]) {
    session.secrets.push(session.token.slice(1));
    await session.send({ ...request, headers: { ...request.headers, authorization } }, format.httpVersion);
  }
}

/** What is no call, or none that can be read. */
async function badRequests(session: Session): Promise<void> {
  const code = session.secret("BROKENCODE");
  const address = session.address();
  const procedure = procedurePath("VerifyEmail");
  const json = { "content-type": "application/json" };
  const grpcWeb = { "content-type": "application/grpc-web+proto" };
  const post = (
    path: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): RawRequest => ({
    method: "POST",
    path,
    headers,
    body,
  });
  const requests: readonly RawRequest[] = [
    { method: "GET", path: `/verify?code=${code}&userId=${address}` },
    post(
      "/verify",
      { "content-type": "application/x-www-form-urlencoded" },
      `userId=${address}&code=${code}`,
    ),
    post(
      "/verify",
      { "content-type": "application/x-www-form-urlencoded" },
      `code=${code}&x=${"x".repeat(20_000)}`,
    ),
    { method: "TRACE", path: `/verify?code=${code}` },
    { method: "GET", path: `/inbox?to=${address}` },
    { method: "GET", path: `/no/such/${address}/${code}` },
    { method: "GET", path: `/v2/users/${encodeURIComponent(address)}?code=${code}` },
    { method: "GET", path: `/v2/users/%ZZ${code}` },
    { method: "PUT", path: `/v2/users/${address}/email/send` },
    post(`/v2/users/${address}/email/verify`, json, `{"verificationCode": ${code}}`),
    post(`/v2/users/${address}/email/verify`, json, `{"verificationCode": {"${code}": "${address}"}}`),
    post(`/v2/users/${address}/email/send`, json, `{"sendCode": {"urlTemplate": 7, "${address}": "${code}`),
    post(procedure, json, `{"userId": "${address}", "verificationCode": ["${code}"]}`),
    post(procedure, json, `"${code}${"x".repeat(1_100_000)}"`),
    post(procedure, { ...json, "content-encoding": "gzip" }, code),
    post(procedure, { ...json, "content-encoding": "gzip" }, gzipSync(`{"userId": "${address}", "userId"`)),
    post(procedure, { ...json, "content-encoding": code }, "{}"),
    post(procedure, { "content-type": "application/proto" }, code),
    post(procedure, { "content-type": `text/${code}` }, address),
    post(procedure, { "content-type": "application/connect+json" }, frame(Buffer.from(`{"${code}"`))),
    post(procedure, grpcWeb, frame(Buffer.from(`\n\xff${code}`))),
    post(procedure, { ...grpcWeb, "grpc-encoding": code }, frame(Buffer.from(code), 1)),
    post(procedure, { ...grpcWeb, "grpc-timeout": code }, frame(Buffer.from(""))),
    post(procedure, { ...json, "connect-timeout-ms": code }, "{}"),
    post(procedure, { ...json, "x-zitadel-orgid": address, "x-request-id": address }, "{}"),
    post(procedure, { ...json, traceparent: code, tracestate: `${code}=${address}` }, "{}"),
    post(procedure, { ...json, "user-agent": code, cookie: `a=${code}`, referer: `https://${code}/` }, "{}"),
    { method: "GET", path: `${procedure}?connect=v1&encoding=json&message={"userId":"${address}"` },
    post(`/zitadel.user.v2.UserService/${code}`, grpcWeb, frame(Buffer.from(address))),
    post(`/grpc.health.v1.Health/Check`, json, `{"service": "${code}"}`),
    post("/grpc.health.v1.Health/Watch", json, "{}"),
  ];
  for (const request of requests) await session.send(request);
  for (const request of requests.filter(({ method }) => method !== "TRACE")) await session.send(request, 2);
  await session.send({ method: code, path: `/verify?${address}` }, 2);
}

/** What Node's parser refuses, and what breaks off. None of it gets an answer that names a request. */
async function noise(session: Session): Promise<void> {
  const code = session.secret("NOISYCODE");
  const address = session.address();
  for (const text of [
    `GET /?code=${code} HTTP/9.9\r\n\r\n`,
    `${code} / HTTP/1.1\r\nHost: ${address}\r\n\r\n`,
    `GET /verify?code=${code} HTTP/1.1\r\nHost: a b:${address}\r\n\r\n`,
    `GET /${code} HTTP/1.1\r\n\r\n`,
    `POST /v2/users HTTP/1.1\r\nHost: a\r\nX: ${code.repeat(3000)}\r\n\r\n`,
    `POST /v2/users HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: ${code}\r\n\r\n`,
  ]) {
    const socket = await RawSocket.open(session);
    socket.write(text);
    expect(await socket.untilOver()).toMatch(/^HTTP\/1\.1 4\d\d [^]*x-request-id: [0-9a-f-]{36}/i);
    socket.destroy();
  }
  // A client that goes away within its body: the server has seen that once it closes, too.
  const gone = connect(session);
  await once(gone, "connect");
  gone.end(
    `POST ${procedurePath("VerifyEmail")} HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: 99\r\n\r\n{"${code}`,
  );
  gone.resume();
  await once(gone, "close");
  const http2Session = http2.connect(`http://${session.host}:${session.port}`);
  await once(http2Session, "connect");
  const stream = http2Session.request({
    ":method": "POST",
    ":path": procedurePath("VerifyEmail"),
    cookie: code,
  });
  stream.on("error", () => {});
  stream.write(`{"${code}`);
  stream.close(http2.constants.NGHTTP2_CANCEL);
  await once(stream, "close");
  http2Session.close();
  await once(http2Session, "close");
}

describe.each(["on", "off"])("COUNTERSIGN_DIRECT_UNARY=%s", (directUnary) => {
  test("a session leaves one line for each answer, and no secret", async () => {
    const recorder = await SmtpRecorder.start();
    closing.push(() => recorder.stop());
    const session = await startSession({ COUNTERSIGN_DIRECT_UNARY: directUnary }, recorder);
    for (const format of formats) {
      await goodCalls(session, recorder, format);
      await badCalls(session, format);
    }
    await badRequests(session);
    await noise(session);
    const given = await session.send({
      ...rest.encode("GetUserByID", { userId: "nobody" }),
      headers: { "x-request-id": "given-1", traceparent: `00-${TRACE_ID}-00f067aa0ba902b7-01` },
    });
    expect(given.headers["x-request-id"]).toBe("given-1");

    const { text, lines } = await session.end();
    const found = session.secrets.filter((secret) => text.includes(secret));
    expect(found).toEqual([]);

    const requestLines = lines.filter(({ msg }) => REQUEST_LINES.includes(msg));
    const counts = Map.groupBy(requestLines, ({ requestId }) => requestId);
    expect(session.answered.filter((requestId) => counts.get(requestId)?.length !== 1)).toEqual([]);
    expect(requestLines.length).toBeGreaterThan(200);

    // Nothing of all this was our fault.
    expect(lines.filter(({ level }) => level === "error" || level === "fatal")).toEqual([]);
    expect(requestLines.find(({ requestId }) => requestId === "given-1")).toEqual({
      level: "info",
      time: expect.any(String),
      method: "zitadel.user.v2.UserService/GetUserByID",
      format: "rest",
      code: "not_found",
      reason: "USER_NOT_FOUND",
      durationMs: expect.any(Number),
      principal: expect.stringMatching(/^\d+$/),
      requestId: "given-1",
      peer: "127.0.0.1",
      traceId: TRACE_ID,
      msg: "call",
    });
  }, 60_000);
});
