// One address does not get all connections: further ones are closed before a byte of them is read, in clear and over TLS.
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import * as http2 from "node:http2";
import { connect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as tls from "node:tls";
import { Listener } from "../../src/transport/listener.ts";
import { PeerConnections } from "../../src/transport/peer-connections.ts";
import { send } from "../../src/transport/node-http.ts";
import { readCertificate } from "../../src/transport/tls.ts";
import { TestLog } from "../mail/log.ts";
import { startTestApplication } from "../support/application.ts";
import { makeCertificate } from "../support/certificate.ts";

jest.setTimeout(30_000);

const HOST = "127.0.0.1";
const GET = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
const undo: (() => Promise<unknown> | void)[] = [];
afterEach(async () => {
  for (const step of undo.splice(0).toReversed()) await step();
});

interface Opened {
  readonly port: number;
  readonly log: TestLog;
  readonly certificate: string | undefined;
  /** Turned by tests. */
  nowMs: number;
  /** Requests that were read. */
  requests: number;
}

async function open(
  maxPerAddress: number,
  { trustedProxies = [], overTls = false }: { trustedProxies?: readonly string[]; overTls?: boolean } = {},
): Promise<Opened> {
  const log = new TestLog();
  const pair = overTls ? makeCertificate() : undefined;
  const opened: Opened = { port: 0, log, certificate: pair?.certificate, nowMs: 0, requests: 0 };
  const peers = new PeerConnections({
    maxPerAddress,
    trustedProxies,
    logger: log.logger,
    nowMs: () => opened.nowMs,
  });
  const listener = new Listener({ peers, certificate: pair && (await certificateOf(pair)) });
  const { port } = await listener.listen(HOST, 0);
  undo.push(() => listener.close(0, () => {}));
  listener.serve({
    request(_request, response) {
      opened.requests += 1;
      send(response, 200, {}, "served\n");
    },
    stream: () => false,
  });
  return Object.assign(opened, { port });
}

async function certificateOf({ certificate, key }: ReturnType<typeof makeCertificate>) {
  const folder = await mkdtemp(join(tmpdir(), "countersign-peers-"));
  undo.push(() => rm(folder, { recursive: true }));
  const [certificateFile, keyFile] = [join(folder, "tls.crt"), join(folder, "tls.key")];
  await Promise.all([writeFile(certificateFile, certificate), writeFile(keyFile, key)]);
  return readCertificate({ certificateFile, keyFile });
}

/** @param from address of this machine */
async function connectFrom(from: string, port: number): Promise<Socket> {
  const socket = connect({ host: HOST, port, localAddress: from });
  socket.on("error", () => {});
  undo.push(() => {
    socket.destroy();
  });
  await once(socket, "connect");
  return socket;
}

/** What the server says to a request; "" where it closes the connection. */
async function answerOn(socket: Socket): Promise<string> {
  let text = "";
  socket.on("data", (bytes: Buffer) => (text += bytes.toString("latin1")));
  socket.write(GET);
  const closed = once(socket, "close").then(() => true);
  while (!text.includes("served") && !(await Promise.race([closed, once(socket, "data").then(() => false)])));
  return text.split("\r\n")[0] ?? "";
}

const served = "HTTP/1.1 200 OK";

test("an address has as many as it may, others have theirs", async () => {
  const server = await open(3);
  const held = await Promise.all([1, 2, 3].map(() => connectFrom("127.0.0.1", server.port)));
  for (const socket of held) expect(await answerOn(socket)).toBe(served);
  expect(await answerOn(await connectFrom("127.0.0.1", server.port))).toBe("");
  expect(server.requests).toBe(3);
  expect(await answerOn(await connectFrom("127.0.0.2", server.port))).toBe(served);
  // What is open goes on.
  for (const socket of held) expect(await answerOn(socket)).toBe(served);
});

test("one that closes makes room", async () => {
  const server = await open(1);
  const first = await connectFrom("127.0.0.1", server.port);
  expect(await answerOn(first)).toBe(served);
  expect(await answerOn(await connectFrom("127.0.0.1", server.port))).toBe("");
  first.destroy();
  let answer = "";
  while (answer === "") answer = await answerOn(await connectFrom("127.0.0.1", server.port));
  expect(answer).toBe(served);
});

test("proxies that are trusted are not counted, nor is anybody without a limit", async () => {
  for (const server of [await open(1, { trustedProxies: ["127.0.0.0/30"] }), await open(0)]) {
    const sockets = await Promise.all([1, 2, 3, 4].map(() => connectFrom("127.0.0.1", server.port)));
    for (const socket of sockets) expect(await answerOn(socket)).toBe(served);
  }
  const server = await open(1, { trustedProxies: ["127.0.0.0/30"] });
  expect(await answerOn(await connectFrom("127.0.0.9", server.port))).toBe(served);
  expect(await answerOn(await connectFrom("127.0.0.9", server.port))).toBe("");
});

test("HTTP/2 counts like HTTP/1.1", async () => {
  const server = await open(1);
  const session = http2.connect(`http://${HOST}:${server.port}`);
  undo.push(() => session.destroy());
  await once(session, "remoteSettings");
  expect(await answerOn(await connectFrom("127.0.0.1", server.port))).toBe("");
  const other = http2.connect(`http://${HOST}:${server.port}`);
  other.on("error", () => {});
  await once(other, "close");
  const [headers] = (await once(session.request({ ":path": "/" }), "response")) as [
    http2.IncomingHttpHeaders,
  ];
  expect(headers[":status"]).toBe(200);
});

test("over TLS there is no handshake", async () => {
  const server = await open(1, { overTls: true });
  const shake = async () => {
    const socket = tls.connect({
      host: HOST,
      port: server.port,
      ca: server.certificate,
      servername: "localhost",
    });
    undo.push(() => {
      socket.destroy();
    });
    return new Promise<string>((resolve) => {
      socket.on("error", () => {});
      socket.once("secureConnect", () => resolve("shaken")).once("close", () => resolve("closed"));
    });
  };
  expect(await shake()).toBe("shaken");
  expect(await shake()).toBe("closed");
});

test("the log has one line a minute, with a count, and not the whole address", async () => {
  const server = await open(1);
  await answerOn(await connectFrom("127.0.0.1", server.port));
  const refuse = async () => expect(await answerOn(await connectFrom("127.0.0.1", server.port))).toBe("");
  for (let count = 0; count < 4; count++) await refuse();
  server.nowMs = 60_000;
  await refuse();
  await refuse();
  const { lines, text } = server.log;
  expect(lines.map(({ level, peer, refused, limit }) => ({ level, peer, refused, limit }))).toEqual([
    { level: 40, peer: "127.0.0.x", refused: 1, limit: 1 },
    { level: 40, peer: "127.0.0.x", refused: 4, limit: 1 },
  ]);
  expect(lines[0]?.msg).toMatch(/COUNTERSIGN_CONNECTIONS_PER_ADDRESS/);
  expect(text).not.toContain("127.0.0.1");
});

describe("a service", () => {
  test("takes the limit from its settings", async () => {
    const application = await startTestApplication({
      env: { COUNTERSIGN_CONNECTIONS_PER_ADDRESS: "2", COUNTERSIGN_TRUSTED_PROXIES: "127.0.0.7" },
    });
    undo.push(() => application.stop());
    const { port } = application;
    const live = await Promise.all([1, 2].map(() => connectFrom("127.0.0.3", port)));
    const refused = await connectFrom("127.0.0.3", port);
    await once(refused.resume(), "close");
    expect(live.some(({ destroyed }) => destroyed)).toBe(false);
    const proxied = await Promise.all([1, 2, 3, 4].map(() => connectFrom("127.0.0.7", port)));
    for (const socket of proxied) await once(socket.end(GET), "data");
  });
});
