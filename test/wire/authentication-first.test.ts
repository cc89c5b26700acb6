// Who calls is asked before the body is read: without a good credential a caller gets its answer at once, and the server
// keeps nothing of a body that may be long in coming.
import { afterAll, afterEach, beforeAll, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { buffer } from "node:stream/consumers";
import { unfinishedBodies } from "../../src/transport/unfinished-bodies.ts";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { expectGoodCalls } from "../support/good-call.ts";
import { readHttp2Answer, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { formats, frame, grpc, procedurePath, type Format } from "../support/wire-formats.ts";

const NO_TOKEN: Refusal = { code: 16, text: "auth header missing", reason: "AUTH_HEADER_MISSING" };
const BAD_TOKEN: Refusal = {
  code: 16,
  text: "Errors.Token.Invalid",
  id: "AUTH-7fs1e",
  reason: "TOKEN_INVALID",
};
const METHOD = "SendEmailCode";
/** The largest body that is read. */
const LONG = 1024 * 1024 - 1024;

interface Upload {
  /** Sends what was held back. */
  finish(): void;
  readonly answer: Promise<RawAnswer>;
}

/** Sends the headers, and of the body all but the last bytes. */
async function upload(
  { host, port }: TestApplication,
  format: Format,
  { method, path, headers, body = "" }: RawRequest,
  { authorization, heldBack }: { authorization?: string | undefined; heldBack: number },
): Promise<Upload> {
  const bytes = Buffer.from(body);
  const sent = bytes.subarray(0, bytes.length - heldBack);
  const rest = bytes.subarray(sent.length);
  const all = {
    ...headers,
    "content-length": String(bytes.length),
    ...(authorization !== undefined && { authorization }),
  };
  if (format.httpVersion === 2) {
    const session = http2.connect(`http://${host}:${port}`);
    await once(session, "connect");
    const stream = session.request({ ":method": method, ":path": path, ...all });
    stream.on("error", () => {});
    stream.write(sent);
    const answer = readHttp2Answer(stream).finally(() => session.destroy());
    return { answer, finish: () => void stream.end(rest) };
  }
  const request = http.request({ host, port, method, path, agent: false, headers: all });
  request.on("error", () => {});
  request.flushHeaders();
  if (sent.length > 0) request.write(sent);
  const answer = once(request, "response").then(async ([response]: http.IncomingMessage[]) => {
    if (response === undefined) throw new Error("no answer");
    const received = await buffer(response);
    request.destroy();
    return {
      status: response.statusCode ?? 0,
      headers: response.headers as Record<string, string>,
      trailers: response.trailers as Record<string, string>,
      body: received,
    };
  });
  return { answer, finish: () => void request.end(rest) };
}

describe.each(["on", "off"])("with COUNTERSIGN_DIRECT_UNARY=%s", (directUnary) => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication({ env: { COUNTERSIGN_DIRECT_UNARY: directUnary } });
  });
  afterEach(async () => {
    await expectGoodCalls(application);
    expect(application.takeErrors()).toEqual([]);
  });
  afterAll(() => application.stop());

  describe.each(formats.map((format) => [format.name, format] as const))("%s", (_name, format) => {
    const request = format.encode(METHOD, { userId: "nobody" });

    test.each([
      ["no token", undefined, NO_TOKEN],
      ["a wrong token", "Bearer cs_wrong", BAD_TOKEN],
    ] as const)("%s: the answer does not wait for the body", async (_row, authorization, refusal) => {
      for (const heldBack of [1, Buffer.from(request.body ?? "").length]) {
        const { answer } = await upload(application, format, request, { authorization, heldBack });
        expect(format.decode(METHOD, await answer).error).toEqual(refused(refusal));
      }
    });

    test("with a good token it does", async () => {
      const authorization = `Bearer ${application.token}`;
      const sending = await upload(application, format, request, { authorization, heldBack: 1 });
      const first = await Promise.race([sending.answer, expectGoodCalls(application)]);
      expect(first).toBeUndefined();
      sending.finish();
      expect(format.decode(METHOD, await sending.answer).error).toMatchObject({ code: 5 });
    });

    test("what is no message is told to callers with a token alone", async () => {
      const garbage = {
        ...request,
        body: format === grpc ? frame(Buffer.from([0xff])) : Buffer.from([0xff]),
      };
      for (const [authorization, refusal] of [
        [undefined, NO_TOKEN],
        ["Bearer cs_wrong", BAD_TOKEN],
      ] as const) {
        const sending = await upload(application, format, garbage, { authorization, heldBack: 1 });
        sending.finish();
        expect(format.decode(METHOD, await sending.answer).error).toEqual(refused(refusal));
      }
    });

    test("nothing is kept of long bodies", async () => {
      const long = { ...request, body: format === grpc ? frame(Buffer.alloc(LONG)) : Buffer.alloc(LONG) };
      let peakBytes = 0;
      let isOver = false;
      const watch = (): void => {
        peakBytes = Math.max(peakBytes, unfinishedBodies.bytes);
        if (!isOver) setImmediate(watch);
      };
      watch();
      const uploads = await Promise.all(
        Array.from({ length: 10 }, (_, index) =>
          upload(application, format, long, {
            authorization: index % 2 === 0 ? undefined : "Bearer cs_wrong",
            heldBack: 1,
          }),
        ),
      );
      for (const { answer } of uploads) {
        expect(format.decode(METHOD, await answer).error).toMatchObject({ code: 16 });
      }
      isOver = true;
      expect(peakBytes).toBe(0);
    });
  });

  test("on HTTP/2 the connection goes on, and the stream ends without an error", async () => {
    const session = http2.connect(application.url);
    await once(session, "connect");
    for (let count = 0; count < 300; count++) {
      const stream = session.request({
        ":method": "POST",
        ":path": procedurePath(METHOD),
        "content-type": "application/grpc",
      });
      stream.write(frame(Buffer.alloc(20_000)).subarray(0, -1));
      const closed = once(stream, "close");
      stream.resume();
      await closed;
      expect(stream.rstCode).toBe(http2.constants.NGHTTP2_NO_ERROR);
    }
    expect([session.closed, session.destroyed]).toEqual([false, false]);
    session.destroy();
  });
});
