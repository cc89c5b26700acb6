// TLS instead of cleartext: the same calls on the same port, and a new certificate without a dropped call.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { fromJson } from "@bufbuild/protobuf";
import { createClient } from "@connectrpc/connect";
import * as connectNode from "@connectrpc/connect-node";
import * as grpcJs from "@grpc/grpc-js";
import { UserService } from "@zitadel/proto/zitadel/user/v2/user_service_pb";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import * as http2 from "node:http2";
import * as https from "node:https";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { buffer } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import * as tls from "node:tls";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { makeCertificate, type CertificatePair } from "../support/certificate.ts";
import { RawSocket, readHttp2Answer, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import { serverProcesses } from "../support/server-process.ts";
import {
  at,
  connectJson,
  frame,
  grpc,
  grpcWeb,
  procedurePath,
  rest,
  textAt,
} from "../support/wire-formats.ts";

const HANDSHAKE_TIMEOUT_MS = 300;
/** A server from its sources takes seconds to start where there is little of a processor. */
const SERVER_TIMEOUT_MS = 30_000;

let folder: string;
let certificateFile: string;
let keyFile: string;
let pair: CertificatePair;
let application: TestApplication;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "countersign-tls-"));
  certificateFile = join(folder, "tls.crt");
  keyFile = join(folder, "tls.key");
  await install(makeCertificate());
  application = await startTestApplication({
    env: { COUNTERSIGN_TLS_CERT: certificateFile, COUNTERSIGN_TLS_KEY: keyFile },
    limits: { firstBytesTimeoutMs: HANDSHAKE_TIMEOUT_MS, checkIntervalMs: 20 },
  });
});
afterAll(async () => {
  await application.stop();
  await rm(folder, { recursive: true });
});

async function install(next: CertificatePair): Promise<void> {
  pair = next;
  await writeFile(certificateFile, next.certificate);
  await writeFile(keyFile, next.key);
}

function authorized(request: RawRequest): RawRequest {
  return { ...request, headers: { ...request.headers, authorization: `Bearer ${application.token}` } };
}

async function overHttp1({ method, path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
  const { host, port } = application;
  const request = https.request({ host, port, ca: pair.certificate, agent: false, method, path, headers });
  request.end(body);
  const [incoming] = (await once(request, "response")) as [IncomingMessage];
  return {
    status: incoming.statusCode ?? 0,
    headers: Object.fromEntries(
      Object.entries(incoming.headers).map(([name, value]) => [name, String(value)]),
    ),
    trailers: {},
    body: await buffer(incoming),
  };
}

async function openSession(certificate = pair.certificate): Promise<http2.ClientHttp2Session> {
  const session = http2.connect(application.url, { ca: certificate });
  session.on("error", () => {});
  await once(session, "connect");
  return session;
}

async function overHttp2({ method, path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
  const session = await openSession();
  try {
    expect(session.alpnProtocol).toBe("h2");
    const stream = session.request({ ":method": method, ":path": path, ...headers });
    stream.end(body);
    return await readHttp2Answer(stream);
  } finally {
    session.destroy();
  }
}

/** What a new connection is shown, and what was agreed on it. */
async function handshake(
  options: tls.ConnectionOptions = {},
): Promise<{ protocol: string | null; alpn: string | false | null; serial: string }> {
  const { host, port } = application;
  const socket = tls.connect({ host, port, ca: pair.certificate, ...options });
  try {
    await once(socket, "secureConnect");
    return {
      protocol: socket.getProtocol(),
      alpn: socket.alpnProtocol,
      serial: socket.getPeerCertificate().serialNumber,
    };
  } finally {
    socket.destroy();
  }
}

function serialOf({ certificate }: CertificatePair): string {
  return new X509Certificate(certificate).serialNumber;
}

let users = 0;
function addUser() {
  users += 1;
  return {
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: `tls-${users}@example.com`, isVerified: false },
  };
}

describe("calls", () => {
  test("the application says https, and its links do", async () => {
    expect(application.url).toBe(`https://127.0.0.1:${application.port}`);
    const added = await overHttp1(authorized(rest.encode("AddHumanUser", addUser())));
    const userId = textAt(rest.decode("AddHumanUser", added).message, "userId");
    await overHttp1(authorized(rest.encode("SendEmailCode", { userId })));
    for (;;) {
      const inbox = await overHttp1({
        method: "GET",
        path: "/inbox?format=json",
        headers: { accept: "application/json" },
      });
      const text = inbox.body.toString();
      if (text.includes(`userId=${userId}`)) {
        expect(text).toContain(`${application.url}/verify?code=`);
        break;
      }
      await sleep(20);
    }
  });

  test.each([rest, connectJson, grpcWeb])("$name over HTTP/1.1", async (format) => {
    const answer = await overHttp1(authorized(format.encode("AddHumanUser", addUser())));
    expect(at(format.decode("AddHumanUser", answer).message, "details", "sequence")).toBe("1");
  });

  test.each([rest, connectJson, grpcWeb, grpc])("$name over HTTP/2", async (format) => {
    const answer = await overHttp2(authorized(format.encode("AddHumanUser", addUser())));
    expect(at(format.decode("AddHumanUser", answer).message, "details", "sequence")).toBe("1");
  });

  test("connect-node, gRPC", async () => {
    const sessionManager = new connectNode.Http2SessionManager(application.url, {}, { ca: pair.certificate });
    const transport = connectNode.createGrpcTransport({ baseUrl: application.url, sessionManager });
    const client = createClient(UserService, transport);
    const headers = { authorization: `Bearer ${application.token}` };
    const added = await client.addHumanUser(fromJson(UserService.method.addHumanUser.input, addUser()), {
      headers,
    });
    expect(added.userId).not.toBe("");
    sessionManager.abort();
  });

  test("grpc-js", async () => {
    const credentials = grpcJs.credentials.createSsl(Buffer.from(pair.certificate));
    const client = new grpcJs.Client(`127.0.0.1:${application.port}`, credentials);
    const answer = await new Promise<Buffer>((resolve, reject) => {
      client.makeUnaryRequest(
        "/grpc.health.v1.Health/Check",
        (bytes: Buffer) => bytes,
        (bytes) => bytes,
        Buffer.alloc(0),
        (error, value) =>
          error === null && value !== undefined ? resolve(value) : reject(error ?? new Error()),
      );
    });
    // status: SERVING
    expect(answer).toEqual(Buffer.from([8, 1]));
    client.close();
  });
});

describe("what is agreed on", () => {
  test.each([
    [["h2", "http/1.1"], "h2"],
    [["http/1.1", "h2"], "h2"],
    [["http/1.1"], "http/1.1"],
    [undefined, false],
  ])("a client that offers %j gets %s", async (ALPNProtocols, alpn) => {
    expect(await handshake(ALPNProtocols === undefined ? {} : { ALPNProtocols })).toMatchObject({ alpn });
  });

  test("a client without ALPN is served HTTP/1.1", async () => {
    const { host, port } = application;
    const socket = tls.connect({ host, port, ca: pair.certificate });
    socket.end("GET /healthz HTTP/1.0\r\n\r\n");
    expect((await buffer(socket)).toString()).toMatch(/^HTTP\/1\.1 200 /);
  });

  test("TLS 1.3 and 1.2 are spoken, 1.1 is not", async () => {
    expect(await handshake()).toMatchObject({ protocol: "TLSv1.3" });
    expect(await handshake({ maxVersion: "TLSv1.2" })).toMatchObject({ protocol: "TLSv1.2" });
    const old = { minVersion: "TLSv1", maxVersion: "TLSv1.1", ciphers: "DEFAULT@SECLEVEL=0" } as const;
    await expect(handshake(old)).rejects.toThrow(/alert protocol version/);
  });

  test("ciphers without forward secrecy, or of the CBC kind, are not", async () => {
    for (const ciphers of ["AES128-GCM-SHA256", "ECDHE-ECDSA-AES128-SHA256", "ECDHE-ECDSA-AES128-SHA"]) {
      await expect(handshake({ maxVersion: "TLSv1.2", ciphers })).rejects.toThrow(/handshake failure/);
    }
  });
});

describe("clients that do not", () => {
  test.each([
    ["speak TLS", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    ["say anything", ""],
    ["finish the handshake", "\u0016\u0003\u0001\u0002\u0000\u0001"],
  ])("clients that do not %s are dropped", async (_name, text) => {
    const socket = await RawSocket.open(application);
    const startedMs = performance.now();
    socket.write(text);
    expect(await socket.untilOver()).not.toMatch(/HTTP/);
    expect(performance.now() - startedMs).toBeLessThan(10 * HANDSHAKE_TIMEOUT_MS);
    await handshake();
  });

  test("shake hands for HTTP/2 and say nothing are dropped", async () => {
    const { host, port } = application;
    const socket = tls.connect({ host, port, ca: pair.certificate, ALPNProtocols: ["h2"] });
    socket.on("error", () => {}).resume();
    await once(socket, "close");
  });
});

describe("a new certificate", () => {
  test("is shown to new connections, while a call on an old one goes on", async () => {
    const old = pair;
    const session = await openSession();
    const request = authorized(grpc.encode("AddHumanUser", addUser()));
    const body = Buffer.from(request.body ?? "");
    const stream = session.request({ ":method": "POST", ":path": request.path, ...request.headers });
    stream.write(body.subarray(0, 10));

    await install(makeCertificate());
    await application.reloadCertificate();
    expect(await handshake()).toMatchObject({ serial: serialOf(pair) });
    expect(serialOf(pair)).not.toBe(serialOf(old));

    stream.end(body.subarray(10));
    const answer = grpc.decode("AddHumanUser", await readHttp2Answer(stream));
    expect(at(answer.message, "details", "sequence")).toBe("1");
    // The connection serves on, with what it was opened with.
    const next = session.request({
      ":method": "POST",
      ":path": procedurePath("ListUsers"),
      ...authorized(grpc.encode("ListUsers", {})).headers,
    });
    next.end(frame(Buffer.alloc(0)));
    expect(grpc.decode("ListUsers", await readHttp2Answer(next)).error).toBeUndefined();
    session.destroy();
  });

  test.each([
    ["a file that is gone", async () => rm(certificateFile)],
    ["a file that is no certificate", async () => writeFile(certificateFile, "nothing\n")],
    ["the key of another one", async () => writeFile(keyFile, makeCertificate().key)],
    ["half a certificate", async () => writeFile(certificateFile, pair.certificate.slice(0, 300))],
  ])("that is broken leaves the old one, and a line in the log: %s", async (_name, breakIt) => {
    const good = pair;
    await breakIt();
    await application.reloadCertificate();
    expect(application.takeErrors()).toEqual([expect.stringContaining("the one before it stays")]);
    expect(await handshake()).toMatchObject({ serial: serialOf(good) });
    await install(good);
    await application.reloadCertificate();
    expect(application.takeErrors()).toEqual([]);
  });

  describe("by SIGHUP", () => {
    const startServer = serverProcesses();

    test(
      "without an interruption",
      async () => {
        const dataDir = join(folder, "data");
        const server = startServer({
          dataDir,
          env: { COUNTERSIGN_TLS_CERT: certificateFile, COUNTERSIGN_TLS_KEY: keyFile },
        });
        const { port } = new URL(await server.ready());
        const first = serialOf(pair);
        expect(await handshake({ port: Number(port) })).toMatchObject({ serial: first });

        await install(makeCertificate());
        server.signal("SIGHUP");
        // Every connection is served, with the old one or the new.
        let serial = first;
        while (serial === first) {
          ({ serial } = await handshake({ port: Number(port), rejectUnauthorized: false }));
        }
        expect(serial).toBe(serialOf(pair));
        expect(await server.end("SIGTERM")).toEqual({ code: 0, signal: null });
        expect(server.complaints).toBe("");
      },
      SERVER_TIMEOUT_MS,
    );
  });
});
