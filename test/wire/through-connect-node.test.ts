// What connect-node serves even while the direct path is on: its refusals are ours, and its streams end in good order.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import * as http2 from "node:http2";
import { gzipSync } from "node:zlib";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { exchangeHttp1, exchangeHttp2, type RawAnswer, type RawRequest } from "../support/raw-http.ts";
import { refused, type Refusal } from "../support/refusals.ts";
import { connectError, frame, procedurePath, splitFrames, statusError } from "../support/wire-formats.ts";

const PREMATURE_END = Buffer.from([0x0a, 0x7f, 0x61]);
const REFLECTION = "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo";
const WATCH = "/grpc.health.v1.Health/Watch";

let application: TestApplication;
beforeAll(async () => {
  application = await startTestApplication();
});
afterAll(() => application.stop());

function post(contentType: string, body: Uint8Array, headers: RawRequest["headers"] = {}): RawRequest {
  return {
    method: "POST",
    path: procedurePath("GetUserByID"),
    headers: { authorization: `Bearer ${application.token}`, "content-type": contentType, ...headers },
    body,
  };
}

function webError({ body }: RawAnswer) {
  const lines = splitFrames(body).at(-1)?.bytes.toString("latin1").trim().split("\r\n") ?? [];
  return statusError(Object.fromEntries(lines.map((line) => line.split(": ") as [string, string])));
}

const malformed: Refusal = { code: 3, text: "parse binary: premature EOF", reason: "REQUEST_MALFORMED" };

describe("what is no message is the request's fault", () => {
  test("compressed, Connect", async () => {
    const request = post("application/proto", gzipSync(PREMATURE_END), { "content-encoding": "gzip" });
    const { status, body } = await exchangeHttp1(application, request);
    expect(status).toBe(400);
    expect(connectError(body.toString())).toEqual(refused(malformed));
  });

  test("compressed, gRPC", async () => {
    const body = frame(gzipSync(PREMATURE_END), 1);
    const request = post("application/grpc", body, { "grpc-encoding": "gzip", te: "trailers" });
    expect(statusError((await exchangeHttp2(application, request)).trailers)).toEqual(refused(malformed));
  });

  test("gRPC over HTTP/1.1", async () => {
    const request = post("application/grpc", frame(PREMATURE_END));
    expect(statusError((await exchangeHttp1(application, request)).trailers)).toEqual(refused(malformed));
  });

  test.each([REFLECTION, WATCH])("a stream's: %s", async (path) => {
    const request = { ...post("application/grpc", frame(PREMATURE_END), { te: "trailers" }), path };
    expect(statusError((await exchangeHttp2(application, request)).trailers)).toEqual(refused(malformed));
  });
});

test("an encoding that is not served, and too many messages", async () => {
  const unknown = post("application/json", Buffer.from("{}"), { "content-encoding": "snappy" });
  expect(connectError((await exchangeHttp1(application, unknown)).body.toString())).toEqual(
    refused({
      code: 12,
      text: 'unknown compression "snappy": supported encodings are gzip,br',
      reason: "ENCODING_NOT_SERVED",
    }),
  );
  const two = post(
    "application/grpc-web+json",
    Buffer.concat([frame(Buffer.from("{}")), frame(Buffer.from("{}"))]),
  );
  expect(webError(await exchangeHttp1(application, two))).toEqual(
    refused({
      code: 12,
      text: "protocol error: received extra input message for unary method",
      reason: "MESSAGE_COUNT_INVALID",
    }),
  );
});

test.each(["application/grpc-web+json", "application/grpc+json"])(
  "a text that quotes half a character can be sent: %s",
  async (contentType) => {
    // The parser's message shows the first ten UTF-16 units, so half of a pair.
    const request = post(contentType, frame(Buffer.from(`x${"𝒳".repeat(20)}`)));
    const answer = await exchangeHttp1(application, request);
    const error = contentType.includes("web") ? webError(answer) : statusError(answer.trailers);
    expect(error).toMatchObject({ code: 3, message: expect.stringMatching(/is not valid JSON$/) });
  },
);

test.each(Object.entries({ PROTOCOL_ERROR: 1, INTERNAL_ERROR: 2, FLOW_CONTROL_ERROR: 3, CANCEL: 8 }))(
  "a stream that its client resets with %s is no error of ours",
  async (_name, code) => {
    const session = http2.connect(application.url);
    for (const path of [REFLECTION, WATCH]) {
      const headers = {
        ":method": "POST",
        ":path": path,
        "content-type": "application/grpc",
        te: "trailers",
      };
      const stream = session.request(headers);
      stream.on("error", () => {});
      const closed = new Promise((resolve) => stream.once("close", resolve));
      if (path === WATCH) {
        stream.end(frame(Buffer.alloc(0)));
        await once(stream, "response");
      } else {
        stream.write(frame(Buffer.alloc(0)));
      }
      stream.close(code);
      await closed;
    }
    session.close();
    await once(session, "close");
    // The log has heard of it once another call was answered.
    await exchangeHttp1(application, post("application/json", Buffer.from('{"userId":"nobody"}')));
    expect(application.takeErrors()).toEqual([]);
  },
);
