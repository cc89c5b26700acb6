/** The benchmark's load counts successes only: whatever else a server answers ends it. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { createServer as createHttpServer, type RequestListener } from "node:http";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterEach, expect, jest, test } from "@jest/globals";
import { requestOf, type Format } from "../../bench/requests.ts";
import type { LoadOrder, LoadResult } from "../../bench/load/order.ts";

jest.setTimeout(30_000);

const LOAD = fileURLToPath(new URL("../../bench/load/load-process.ts", import.meta.url));
const USERS = 10;
const CALLS = 40;

let close: () => void = () => {};
afterEach(() => close());

/** A message whose last field is a code, framed. */
const MESSAGE = Buffer.from([0, 0, 0, 0, 8, 0x12, 6, ...Buffer.from("ABC123")]);

function answer(stream: ServerHttp2Stream, trailers: Record<string, string>): void {
  stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
  stream.on("wantTrailers", () => stream.sendTrailers(trailers));
  stream.end(MESSAGE);
}

async function serveHttp2(onCall: (stream: ServerHttp2Stream, body: Buffer) => void): Promise<number> {
  const server: Http2Server = createServer();
  const sessions = new Set<{ destroy(): void }>();
  server.on("session", (session) => sessions.add(session));
  server.on("stream", (stream) => {
    const chunks: Buffer[] = [];
    stream.on("data", (chunk: Buffer) => chunks.push(chunk));
    stream.on("error", () => {});
    stream.on("end", () => onCall(stream, Buffer.concat(chunks)));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  close = () => {
    server.close();
    for (const session of sessions) session.destroy();
  };
  return (server.address() as AddressInfo).port;
}

async function serveHttp1(onRequest: RequestListener): Promise<number> {
  const server = createHttpServer(onRequest).listen(0, "127.0.0.1");
  await once(server, "listening");
  close = () => server.close().closeAllConnections();
  return (server.address() as AddressInfo).port;
}

function orderFor(port: number, format: Format, more: Partial<LoadOrder> = {}): LoadOrder {
  const shape = format === "grpc" ? { connections: 2, inFlight: 4 } : { connections: 4, inFlight: 1 };
  const request = requestOf(format, "return_code", "token");
  return { ...request, ...shape, port, tls: false, users: USERS, from: 0, calls: CALLS, ...more };
}

async function run(
  ...orders: readonly LoadOrder[]
): Promise<{ results: LoadResult[]; stderr: string; exitCode: number | null }> {
  const child = spawn(process.execPath, [LOAD]);
  child.stdin.on("error", () => {});
  child.stdin.end(orders.map((order) => `${JSON.stringify(order)}\n`).join(""));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr), once(child, "close")]);
  const results = stdout
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as LoadResult);
  return { results, stderr, exitCode: child.exitCode };
}

test("counts calls that succeed, and gives each user its turn", async () => {
  const users = new Map<string, number>();
  const port = await serveHttp2((stream, body) => {
    const user = /user\d{7}/.exec(body.toString("latin1"))?.[0] ?? "";
    users.set(user, (users.get(user) ?? 0) + 1);
    answer(stream, { "grpc-status": "0" });
  });
  const { results, exitCode } = await run(orderFor(port, "grpc"));
  expect(results).toMatchObject([{ calls: CALLS, bodyBytes: CALLS * MESSAGE.length }]);
  expect([...users.values()]).toEqual(Array.from({ length: USERS }, () => CALLS / USERS));
  expect(exitCode).toBe(0);
});

test.each([
  ["a refusal after a message", (stream: ServerHttp2Stream) => answer(stream, { "grpc-status": "8" })],
  ["a code of two digits", (stream: ServerHttp2Stream) => answer(stream, { "grpc-status": "10" })],
  ["no status", (stream: ServerHttp2Stream) => answer(stream, { "grpc-message": "0" })],
  [
    "a refusal without a message",
    (stream: ServerHttp2Stream) =>
      stream.respond({ ":status": 200, "grpc-status": "5" }, { endStream: true }),
  ],
  ["a reset", (stream: ServerHttp2Stream) => stream.close(2)],
])("%s ends it", async (_name, onCall) => {
  const port = await serveHttp2(onCall);
  const { results, stderr, exitCode } = await run(orderFor(port, "grpc"));
  expect(results).toEqual([]);
  expect(stderr).toMatch(/a call was refused|ended a stream/);
  expect(exitCode).not.toBe(0);
});

test.each([
  ["rest", 400, "{}"],
  ["grpc-web", 200, "grpc-status: 13\r\n"],
] as const)("over %s, status %d with %j ends it", async (format, status, body) => {
  const port = await serveHttp1((request, response) => {
    request.resume().on("end", () => response.writeHead(status).end(body));
  });
  const { results, exitCode } = await run(orderFor(port, format));
  expect(results).toEqual([]);
  expect(exitCode).not.toBe(0);
});

test("submits to each user the code that it was given", async () => {
  const submitted: string[] = [];
  const port = await serveHttp2((stream, body) => {
    const request = body.toString("latin1");
    if (request.includes("ABC123")) submitted.push(/user\d{7}/.exec(request)?.[0] ?? "");
    answer(stream, { "grpc-status": "0" });
  });
  const collect = orderFor(port, "grpc", { codes: "collect", calls: USERS });
  const submit = orderFor(port, "grpc", { ...requestOf("grpc", "verify", "token"), calls: 1_000 });
  const { results } = await run(collect, submit);
  expect(results).toMatchObject([{ calls: USERS }, { calls: USERS }]);
  expect(new Set(submitted).size).toBe(USERS);
});
