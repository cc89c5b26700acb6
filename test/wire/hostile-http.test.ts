// Bytes that no honest client sends. Each of them is refused or ignored; none is an internal error, none costs the others.
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { once } from "node:events";
import * as http2 from "node:http2";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { expectGoodCalls } from "../support/good-call.ts";
import { exchangeHttp1, exchangeHttp2, RawSocket, readHttp2Answer } from "../support/raw-http.ts";
import { refused } from "../support/refusals.ts";
import {
  at,
  connectJson,
  connectProto,
  encodeMessage,
  formats,
  frame,
  grpc,
  grpcWeb,
  methodOf,
  procedurePath,
  rest,
  type Answer,
  type Format,
} from "../support/wire-formats.ts";

let application: TestApplication;
let authorization: string;
// connect-node writes what it cannot handle to the console: there should be nothing of that kind.
const consoleError = jest.spyOn(console, "error");

beforeAll(async () => {
  application = await startTestApplication();
  authorization = `Bearer ${application.token}`;
});
afterAll(() => application.stop());
afterEach(async () => {
  await expectGoodCalls(application);
  expect(consoleError.mock.calls).toEqual([]);
});

const PROCEDURE = procedurePath("GetUserByID");
const LIST = procedurePath("ListUsers");
const BODY = `{"userId":"nobody"}`;
const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

interface RequestText {
  readonly line?: string;
  /** Undefined for none. */
  readonly host?: string | undefined;
  readonly headers?: readonly string[];
  readonly body?: string;
}

/** An HTTP/1.1 request with a token, after which the connection is to be closed. */
function requestText({
  line = `POST ${PROCEDURE} HTTP/1.1`,
  headers = [],
  body = BODY,
  ...rest_
}: RequestText): string {
  const host = "host" in rest_ ? rest_.host : "127.0.0.1";
  const lines = [
    line,
    ...(host === undefined ? [] : [`Host: ${host}`]),
    `Authorization: ${authorization}`,
    "Content-Type: application/json",
    ...headers,
    ...(headers.some((header) => /^(content-length|transfer-encoding)/i.test(header))
      ? []
      : [`Content-Length: ${body.length}`]),
    "Connection: close",
  ];
  return `${lines.join("\r\n")}\r\n\r\n${body}`;
}

/** Sends the text and reads until the server ends the connection. */
async function converse(text: string): Promise<string> {
  const socket = await RawSocket.open(application);
  try {
    socket.write(text);
    return await socket.untilOver();
  } finally {
    socket.destroy();
  }
}

/** The statuses of all answers in the text, which has to be nothing but answers. */
function statusesOf(text: string): number[] {
  const statuses: number[] = [];
  let left = text;
  while (left !== "") {
    const [head, status, headers = ""] =
      /^HTTP\/1\.1 (\d{3}) [^\r]*\r\n((?:[^\r]+\r\n)*)\r\n/.exec(left) ?? [];
    if (head === undefined) throw new Error(`no answer: ${JSON.stringify(left)}`);
    statuses.push(Number(status));
    const isChunked = /^transfer-encoding: chunked\r$/im.test(headers);
    const length = /^content-length: (\d+)\r$/im.exec(headers)?.[1];
    const body = left.slice(head.length);
    // What node refuses by itself has no length: it goes to the end of the connection.
    const end = isChunked
      ? body.indexOf("0\r\n\r\n") + 5
      : length === undefined
        ? body.length
        : Number(length);
    expect(body.slice(0, end)).not.toMatch(/internal|at \w+.*:\d+:\d+/i);
    left = body.slice(end);
  }
  return statuses;
}

describe("HTTP/1.1: requests", () => {
  test.each([
    ["HTTP/1.0 without a Host", { line: `POST ${PROCEDURE} HTTP/1.0`, host: undefined }, [404, 400]],
    [
      "HTTP/1.0 without a Host, REST",
      { line: "GET /v2/users/nobody HTTP/1.0", host: undefined, body: "" },
      [404],
    ],
    ["HTTP/1.1 without a Host", { host: undefined }, [400]],
    ["a port above 65535", { host: "a:999999" }, [400]],
    ["an empty Host", { host: "" }, [400]],
    ["a Host with a blank", { host: "a b:9" }, [400]],
    ["an open bracket in the Host", { host: "[::1" }, [400]],
    ["a path in the Host", { host: "a/b" }, [400]],
    ["bytes that are no ASCII in the Host", { host: "\u00ff\u00fe" }, [400]],
    ["two Hosts", { headers: ["Host: b"] }, [400]],
    ["an absolute target of no host", { line: "GET http:///v2/users/nobody HTTP/1.1", body: "" }, [400, 404]],
    ["an absolute target of a host that is none", { line: "GET http://a:999999/v2/users HTTP/1.1" }, [400]],
    [
      "an absolute target of another scheme",
      { line: "GET gopher://x/v2/users/nobody HTTP/1.1", body: "" },
      [404],
    ],
    ["the asterisk", { line: "OPTIONS * HTTP/1.1", body: "" }, [404]],
    ["a target without a slash", { line: "GET v2/users HTTP/1.1", body: "" }, [400]],
    [
      "a target that begins with two slashes",
      { line: "GET //evil.example/verify HTTP/1.1", body: "" },
      [404],
    ],
    ["a fragment in the target", { line: "GET /v2/users/nobody#x HTTP/1.1", body: "" }, [404]],
    ["a target of 17 kB", { line: `GET /${"x".repeat(17_000)} HTTP/1.1`, body: "" }, [431]],
    ["headers of 17 kB", { headers: [`X-Long: ${"x".repeat(17_000)}`] }, [431]],
    ["3000 headers", { headers: Array.from({ length: 3_000 }, (_, index) => `h${index}:`) }, [431]],
    ["a folded header", { headers: ["X-Folded: a", " b"] }, [400]],
    ["NUL in a header", { headers: ["X-Request-Id: a\0b"] }, [400]],
    ["a header without a name", { headers: [": x"] }, [400]],
    ["a verb in lower case", { line: `post ${PROCEDURE} HTTP/1.1` }, [400]],
    ["HTTP/3.0 on TCP", { line: `POST ${PROCEDURE} HTTP/3.0` }, [400]],
    ["an expectation that nobody knows", { headers: ["Expect: magic"] }, [417]],
    [
      "a chunk without a size",
      { headers: ["Transfer-Encoding: chunked"], body: "zz\r\n{}\r\n0\r\n\r\n" },
      [400],
    ],
    [
      "a good chunk, then a bad one",
      { headers: ["Transfer-Encoding: chunked"], body: "2\r\n{}\r\nzz\r\n" },
      [400],
    ],
    [
      "a chunk longer than it says",
      { headers: ["Transfer-Encoding: chunked"], body: "1\r\n{}\r\n0\r\n\r\n" },
      [400],
    ],
    [
      "Content-Length with Transfer-Encoding",
      { headers: ["Content-Length: 2", "Transfer-Encoding: chunked"], body: "2\r\n{}\r\n0\r\n\r\n" },
      [400],
    ],
    ["two Content-Lengths", { headers: ["Content-Length: 2", "Content-Length: 3"], body: "{}x" }, [400]],
    ["a negative Content-Length", { headers: ["Content-Length: -2"], body: "{}" }, [400]],
    ["an endless Content-Length", { headers: [`Content-Length: ${"9".repeat(30)}`], body: "{}" }, [400]],
    ["a Content-Length of 2 MB, and nothing else", { headers: ["Content-Length: 2000000"], body: "" }, [429]],
    [
      "a Transfer-Encoding that does not end in chunked",
      { headers: ["Transfer-Encoding: gzip"], body: "x" },
      [400],
    ],
  ] satisfies readonly [string, RequestText, readonly number[]][])("%s", async (_name, request, allowed) => {
    const [status, ...more] = statusesOf(await converse(requestText(request)));
    expect(allowed).toContain(status);
    expect(more).toEqual([]);
  });

  test.each([
    ["CONNECT", "CONNECT example.com:443 HTTP/1.1\r\nHost: example.com:443\r\n\r\n"],
    [
      "bytes without sense",
      Buffer.from(Array.from({ length: 300 }, (_, i) => (i * 37) % 256)).toString("latin1"),
    ],
    [
      "a TLS handshake",
      `\u0016\u0003\u0001\u0002\u0000\u0001\u0000\u0001\u00fc\u0003\u0003${"\0".repeat(200)}`,
    ],
    ["bare line feeds", "GET /nope HTTP/1.1\nHost: x\n\n"],
    ["a preface of HTTP/1.1", "PRI * HTTP/1.1\r\nHost: x\r\n\r\n"],
  ])("%s: the connection is ended, with 400 or without a word", async (_name, text) => {
    const answer = await converse(text);
    expect(answer === "" ? [] : statusesOf(answer)).toEqual(answer === "" ? [] : [expect.any(Number)]);
    expect(answer).toMatch(/^(HTTP\/1\.1 4\d\d |$)/);
  });

  test("requests that follow one another without waiting are answered in their order", async () => {
    const get = (path: string) =>
      `GET ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\n\r\n`;
    const post = `POST /v2/users HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 2\r\n\r\n{}`;
    const last = requestText({ line: "PATCH /v2/users HTTP/1.1", body: "" });
    const text = get("/v2/users/nobody") + post + get("/nope") + last;
    expect(statusesOf(await converse(text))).toEqual([404, 200, 404, 405]);
  });

  test("what follows a refused body is not taken for a request", async () => {
    const smuggled = requestText({ line: "DELETE /v2/users/victim HTTP/1.1", body: "" });
    const text = requestText({
      line: "POST /v2/users HTTP/1.1",
      headers: ["Content-Length: 2000000"],
      body: smuggled,
    });
    expect(statusesOf(await converse(text))).toEqual([429]);
  });

  test.each(["http://127.0.0.1", "HTTP://accounts.example.com:8080"])(
    "a target in absolute form is served: %s",
    async (origin) => {
      const call = await converse(requestText({ line: `POST ${origin}${PROCEDURE} HTTP/1.1` }));
      expect(call).toContain(`{"code":"not_found","message":"User could not be found (QUERY-Dfbg2)"`);
      const get = await converse(requestText({ line: `GET ${origin}/v2/users/nobody HTTP/1.1`, body: "" }));
      expect(get).toContain(`{"code":5,"message":"User could not be found (QUERY-Dfbg2)"`);
      const page = await converse(
        requestText({ line: `GET ${origin}/verify?userId=1&code=2 HTTP/1.1`, body: "" }),
      );
      expect(page).toMatch(/^HTTP\/1\.1 200 [^]*<form/);
      expect(statusesOf(await converse(requestText({ line: `GET ${origin} HTTP/1.1`, body: "" })))).toEqual([
        404,
      ]);
    },
  );

  test("the dev inbox goes by the host of an absolute target, not by the Host header beside it", async () => {
    const inbox = (origin: string, host: string) =>
      converse(requestText({ line: `GET ${origin}/inbox HTTP/1.1`, host, body: "" }));
    expect(statusesOf(await inbox("", "127.0.0.1"))).toEqual([200]);
    expect(statusesOf(await inbox("http://rebound.example", "127.0.0.1"))).toEqual([403]);
    expect(statusesOf(await inbox("http://127.0.0.1", "rebound.example"))).toEqual([200]);
  });

  test("a client that asks whether to go on is told so", async () => {
    const socket = await RawSocket.open(application);
    try {
      socket.write(
        requestText({ headers: ["Expect: 100-continue", `Content-Length: ${BODY.length}`], body: "" }),
      );
      await socket.until((text) => text.includes("\r\n\r\n"));
      socket.write(BODY);
      expect(statusesOf((await socket.untilOver()).replace("HTTP/1.1 100 Continue\r\n\r\n", ""))).toEqual([
        404,
      ]);
    } finally {
      socket.destroy();
    }
  });
});

describe("HTTP/2: connections", () => {
  test.each([
    ["garbage after the preface", `${PREFACE}${"garbage".repeat(50)}`],
    ["a frame of 16 MB", `${PREFACE}\u00ff\u00ff\u00ff\u0004\0\0\0\0\0${"x".repeat(100)}`],
    ["data for the connection itself", `${PREFACE}\0\0\0\u0004\0\0\0\0\0\0\0\u0004\0\0\0\0\0\0abcd`],
    [
      "headers that HPACK cannot read",
      `${PREFACE}\0\0\0\u0004\0\0\0\0\0\0\0\u0004\u0001\u0004\0\0\0\u0001\u00ff\u00ff\u00ff\u00ff`,
    ],
    ["settings of a broken length", `${PREFACE}\0\0\u0005\u0004\0\0\0\0\0abcde`],
  ])("%s: the connection is ended", async (_name, text) => {
    // A GOAWAY frame: type 7, no flags, on the connection itself.
    expect(await converse(text)).toContain("\u0007\0\0\0\0\0");
  });

  test.each([
    ["half a preface", PREFACE.slice(0, 20)],
    ["the preface alone", PREFACE],
    ["one byte", "P"],
    ["nothing", ""],
  ])("%s, then the client hangs up", async (_name, text) => {
    for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
      const socket = await RawSocket.open(application);
      socket.write(text);
      socket.socket[leave]();
      if (leave === "end") await once(socket.socket, "finish");
      else await socket.untilOver();
      socket.destroy();
    }
  });

  test("the preface may come byte by byte", async () => {
    const socket = await RawSocket.open(application);
    try {
      socket.socket.setNoDelay(true);
      for (const byte of PREFACE) socket.write(byte);
      socket.write("\0\0\0\u0004\0\0\0\0\0");
      // The server's SETTINGS, and its acknowledgement of ours.
      await socket.until((text) => text.includes("\0\0\0\u0004\u0001\0\0\0\0"));
    } finally {
      socket.destroy();
    }
  });

  test.each(["REST", "Connect", "connect-node"])(
    "a client that asks whether to go on is told so: %s",
    async (kind) => {
      await withSession(async (session) => {
        const stream = session.request({
          ":method": "POST",
          ":path": kind === "REST" ? "/v2/users/nobody/lock" : PROCEDURE,
          "content-type": "application/json",
          // Of what is compressed connect-node takes care.
          ...(kind === "connect-node" && { "content-encoding": "br" }),
          expect: "100-continue",
          authorization,
        });
        await once(stream, "continue");
        stream.end(kind === "connect-node" ? "" : BODY);
        expect((await readHttp2Answer(stream)).status).toBe(kind === "connect-node" ? 400 : 404);
      });
    },
  );

  test.each([
    ["HEAD on a REST path", { ":method": "HEAD", ":path": "/v2/users/nobody" }, [404]],
    ["HEAD on no path", { ":method": "HEAD", ":path": "/nope" }, [404]],
    ["HEAD on a page", { ":method": "HEAD", ":path": "/verify" }, [400]],
    ["OPTIONS *", { ":method": "OPTIONS", ":path": "*" }, [404]],
    ["an unknown verb", { ":method": "BREW", ":path": "/v2/users/nobody" }, [405]],
    [
      "an authority that is none",
      { ":method": "GET", ":path": "/v2/users/nobody", ":authority": "a:999999" },
      [404],
    ],
    [
      "an authority that is none, connect-node",
      {
        ":method": "POST",
        ":path": PROCEDURE,
        ":authority": "a:999999",
        "content-type": "application/proto",
        "content-encoding": "br",
      },
      [400],
    ],
  ] as const)("%s", async (_name, headers, allowed) => {
    await withSession(async (session) => {
      const { status } = await readHttp2Answer(session.request({ ...headers, authorization }));
      expect(allowed).toContain(status);
    });
  });

  test("CONNECT is no way through", async () => {
    await withSession(async (session) => {
      const stream = session.request({ ":method": "CONNECT", ":authority": "example.com:443" });
      const [headers] = (await once(stream, "response")) as [http2.IncomingHttpHeaders];
      expect(headers[":status"]).toBe(405);
      stream.close();
    });
  });

  test("a body of another length than announced costs its stream", async () => {
    await withSession(async (session) => {
      const stream = session.request({
        ":method": "POST",
        ":path": "/v2/users",
        "content-length": 5,
        authorization,
      });
      stream.end("{}");
      await expect(readHttp2Answer(stream)).rejects.toMatchObject({
        message: "Stream closed with error code NGHTTP2_PROTOCOL_ERROR",
      });
      const next = session.request({ ":method": "GET", ":path": "/nope" });
      expect((await readHttp2Answer(next)).status).toBe(404);
    });
  });

  async function withSession(use: (session: http2.ClientHttp2Session) => Promise<void>): Promise<void> {
    const session = http2.connect(application.url);
    try {
      await use(session);
    } finally {
      session.destroy();
    }
  }
});

const { constants } = http2;
const RESET_CODES = [
  constants.NGHTTP2_NO_ERROR,
  constants.NGHTTP2_PROTOCOL_ERROR,
  constants.NGHTTP2_INTERNAL_ERROR,
  constants.NGHTTP2_REFUSED_STREAM,
  constants.NGHTTP2_CANCEL,
  constants.NGHTTP2_ENHANCE_YOUR_CALM,
];

/** Unlike `once`, not rejected by the error that comes with some codes. */
function closed(stream: http2.ClientHttp2Stream): Promise<void> {
  return new Promise((resolve) => stream.once("close", resolve));
}

describe("clients that go away", () => {
  const announced = (contentType: string, path: string) =>
    `POST ${path} HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Type: ${contentType}\r\nContent-Length: 1000\r\n\r\n`;

  test.each([
    ["REST", "application/json", "/v2/users"],
    ["Connect", "application/json", PROCEDURE],
    ["gRPC-Web", "application/grpc-web+proto", PROCEDURE],
    ["connect-node", "application/proto; charset=none", PROCEDURE],
    ["a page", "application/x-www-form-urlencoded", "/verify"],
  ])("in the middle of the body, HTTP/1.1: %s", async (_name, contentType, path) => {
    for (const leave of ["end", "destroy", "resetAndDestroy"] as const) {
      const socket = await RawSocket.open(application);
      socket.write(`${announced(contentType, path)}{"userId":`);
      socket.socket[leave]();
      await socket.untilOver();
    }
  });

  test.each([
    ["REST", { ":path": "/v2/users" }],
    ["gRPC", { ":path": PROCEDURE, "content-type": "application/grpc" }],
    ["connect-node", { ":path": PROCEDURE, "content-type": "application/grpc", "grpc-encoding": "gzip" }],
    ["a page", { ":path": "/verify", "content-type": "application/x-www-form-urlencoded" }],
    ["no path", { ":path": "/nope" }],
  ])("in the middle of the body, HTTP/2: %s", async (_name, headers) => {
    const session = http2.connect(application.url);
    const open = () => {
      const stream = session.request({ ":method": "POST", ...headers, authorization });
      stream.on("error", () => {});
      stream.write(Buffer.from([0, 0, 0, 1, 0, 1, 2, 3]));
      return stream;
    };
    for (const code of RESET_CODES) {
      const stream = open();
      stream.close(code);
      await closed(stream);
    }
    open();
    // The server has seen the streams once it answers a later one.
    await readHttp2Answer(session.request({ ":method": "GET", ":path": "/nope" }));
    session.destroy();
  });

  test.each([
    ["REST", { ":path": "/v2/users", "content-type": "application/json" }, "{}"],
    ["gRPC", { ":path": LIST, "content-type": "application/grpc" }, frame(Buffer.alloc(0))],
    ["connect-node", { ":path": LIST, "content-type": "application/json", "content-encoding": "br" }, ""],
    [
      "a page",
      { ":path": "/verify", "content-type": "application/x-www-form-urlencoded" },
      "userId=1&code=2",
    ],
  ])("between request and answer, HTTP/2: %s", async (_name, headers, body) => {
    const session = http2.connect(application.url);
    for (const code of RESET_CODES) {
      const stream = session.request({ ":method": "POST", ...headers, authorization });
      stream.on("error", () => {});
      stream.end(body);
      await once(stream, "finish");
      stream.close(code);
      await closed(stream);
    }
    await readHttp2Answer(session.request({ ":method": "GET", ":path": "/nope" }));
    session.destroy();
  });

  test("in the middle of the answer", async () => {
    await addManyUsers(300);
    const http1 = await RawSocket.open(application);
    http1.socket.pause();
    http1.write(requestText({ line: "POST /v2/users HTTP/1.1", body: "{}" }));
    http1.socket.resume();
    await http1.until((text) => text.startsWith("HTTP/1.1 200"));
    http1.socket.resetAndDestroy();

    const session = http2.connect(application.url);
    for (const contentType of ["application/json", "application/grpc"]) {
      const stream = session.request({
        ":method": "POST",
        ":path": procedurePath("ListUsers"),
        "content-type": contentType,
        authorization,
      });
      stream.end(contentType === "application/grpc" ? frame(Buffer.alloc(0)) : "{}");
      await once(stream, "data");
      stream.close(constants.NGHTTP2_CANCEL);
      await closed(stream);
    }
    session.destroy();
  });

  test("before the answer", async () => {
    const socket = await RawSocket.open(application);
    for (let requests = 0; requests < 20; requests += 1) {
      socket.write(
        `POST /v2/users HTTP/1.1\r\nHost: x\r\nAuthorization: ${authorization}\r\nContent-Length: 2\r\n\r\n{}`,
      );
    }
    await socket.until((text) => text.startsWith("HTTP/1.1 200"));
    socket.socket.resetAndDestroy();
  });

  async function addManyUsers(count: number): Promise<void> {
    const add = (index: number) =>
      rest.encode("AddHumanUser", {
        profile: { givenName: "x".repeat(200), familyName: "y".repeat(200) },
        email: { email: `many-${index}@example.com`, isVerified: true },
      });
    await Promise.all(
      Array.from({ length: count }, async (_, index) => {
        const request = add(index);
        const answer = await exchangeHttp1(application, {
          ...request,
          headers: { ...request.headers, authorization },
        });
        expect(answer.status).toBe(200);
      }),
    );
  }
});

// --- Depth ----------------------------------------------------------------------------------------------------------

const MAX_BYTES = 1024 * 1024;
const TOO_DEEP = /maximum recursion depth of 100 reached/;

function notQueries(depth: number): string {
  return `{"queries":[${`{"notQuery":{"query":`.repeat(depth)}{"typeQuery":{"type":"TYPE_HUMAN"}}${"}}".repeat(depth)}]}`;
}

/** ListUsersRequest{queries: SearchQuery{not_query: NotQuery{query: SearchQuery{...}}}}, of at most so many bytes. */
function deepestProtobuf(maxBytes: number): { readonly depth: number; readonly bytes: Buffer } {
  const inside = Buffer.from(
    encodeMessage(methodOf("ListUsers").input, { queries: [{ typeQuery: { type: "TYPE_HUMAN" } }] }),
  );
  const [QUERIES, NOT_QUERY, QUERY] = [0x1a, 0x6a, 0x0a];
  // From the inside out: what stands before each level, in reverse.
  const prefixes: Buffer[] = [];
  let length = inside.length - 2;
  let depth = 0;
  while (length + 16 < maxBytes) {
    for (const tag of [QUERY, NOT_QUERY]) {
      const prefix = Buffer.from([tag, ...varint(length)]);
      prefixes.push(prefix);
      length += prefix.length;
    }
    depth += 1;
  }
  prefixes.push(Buffer.from([QUERIES, ...varint(length)]));
  return { depth, bytes: Buffer.concat([...prefixes.toReversed(), inside.subarray(2)]) };
}

function varint(value: number): number[] {
  const bytes: number[] = [];
  let left = value;
  while (left > 0x7f) {
    bytes.push((left & 0x7f) | 0x80);
    left >>>= 7;
  }
  return [...bytes, left];
}

async function list(format: Format, body: Uint8Array | string): Promise<Answer> {
  const { headers } = format.encode("ListUsers", {});
  const path = format === rest ? "/v2/users" : LIST;
  const over = format.httpVersion === 2 ? exchangeHttp2 : exchangeHttp1;
  const answer = await over(application, {
    method: "POST",
    path,
    headers: { ...headers, authorization },
    body,
  });
  return format.decode("ListUsers", answer);
}

describe("depth", () => {
  const deepest = deepestProtobuf(MAX_BYTES);

  test.each([
    ["gRPC", grpc, frame(deepest.bytes)],
    ["gRPC-Web", grpcWeb, frame(deepest.bytes)],
    ["Connect", connectProto, deepest.bytes],
  ])("protobuf, as many levels as 1 MiB holds: %s", async (_name, format, body) => {
    expect(deepest.depth).toBeGreaterThan(100_000);
    expect(deepest.bytes.length).toBeLessThanOrEqual(MAX_BYTES);
    const { error, httpStatus } = await list(format, body);
    expect(error?.message).toMatch(TOO_DEEP);
    expect(error?.code).toBe(3);
    expect(httpStatus).toBe(format.statusOf(3));
  });

  test.each([rest, connectJson])("JSON, 45,000 levels of queries: $name", async (format) => {
    const { error, httpStatus } = await list(format, notQueries(45_000));
    expect(error).toMatchObject({ code: 3, message: expect.stringMatching(TOO_DEEP) });
    expect(httpStatus).toBe(400);
  });

  test.each([rest, connectJson])("JSON, 100,000 levels where a message should be: $name", async (format) => {
    for (const body of [
      "[".repeat(100_000) + "]".repeat(100_000),
      "[".repeat(100_000),
      `{"queries":`.repeat(90_000),
    ]) {
      const { error, httpStatus } = await list(format, body);
      expect(error?.code).toBe(3);
      expect(httpStatus).toBe(400);
    }
  });

  test.each([rest, connectJson])(
    "JSON, 500,000 levels in a field that nobody knows: $name",
    async (format) => {
      const levels = 500_000;
      const { error, message } = await list(format, `{"x":${"[".repeat(levels)}${"]".repeat(levels)}}`);
      expect(error).toBeUndefined();
      expect(at(message, "details")).toBeDefined();
    },
  );

  test.each(formats)("queries may be 20 levels deep, and no deeper: $name", async (format) => {
    const nested = (levels: number) => JSON.parse(notQueries(levels - 1)) as never;
    const ask = async (levels: number) => {
      const request = format.encode("ListUsers", nested(levels));
      return list(format, request.body ?? "");
    };
    expect((await ask(20)).error).toBeUndefined();
    for (const levels of [21, 45]) {
      expect((await ask(levels)).error).toMatchObject({
        code: 3,
        message: "Queries are nested too deeply (USER-zsQ97)",
        details: [
          { "@type": "zitadel.v1.ErrorDetail", id: "USER-zsQ97", message: "Queries are nested too deeply" },
          { "@type": "google.rpc.ErrorInfo", reason: "QUERY_TOO_DEEP", domain: "countersign" },
        ],
      });
    }
  });

  test("a list of 100,000 ids is read", async () => {
    const userIds = Array.from({ length: 100_000 }, (_, index) => String(index));
    for (const format of [grpc, rest]) {
      const request = format.encode("ListUsers", { queries: [{ inUserIdsQuery: { userIds } }] });
      expect((await list(format, request.body ?? "")).error).toBeUndefined();
    }
  });

  test("queries may be 1000 in number, and no more", async () => {
    const one = { inUserIdsQuery: { userIds: ["1"] } };
    const sideBySide = (count: number) => Array.from({ length: count }, () => one);
    for (const [most, queriesOf] of [
      [1_000, (count: number) => sideBySide(count)],
      [999, (count: number) => [{ orQuery: { queries: sideBySide(count) } }]],
      [998, (count: number) => [{ andQuery: { queries: sideBySide(count) } }, one]],
    ] as const) {
      const ask = async (count: number) =>
        list(grpc, grpc.encode("ListUsers", { queries: queriesOf(count) }).body ?? "");
      expect((await ask(most)).error).toBeUndefined();
      for (const count of [most + 1, 40_000]) {
        expect((await ask(count)).error).toEqual(
          refused({ code: 3, text: "more than 1000 queries", id: "GRPC-vR9nC", reason: "QUERY_INVALID" }),
        );
      }
    }
  });
});
