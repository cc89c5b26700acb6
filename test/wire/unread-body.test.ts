// A request that is refused before all of it was read: what is left of it must not stand in the way of the next one on
// the same connection.
import { afterAll, beforeAll, describe, expect, test } from "@jest/globals";
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { buffer } from "node:stream/consumers";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { frame, procedurePath } from "../support/wire-formats.ts";

const TOO_MUCH = Buffer.alloc(1024 * 1024 + 64 * 1024);
const PATH = procedurePath("GetUserByID");
const GOOD = { contentType: "application/json", body: Buffer.from('{"userId":"nobody"}') };
const ANSWER_TIMEOUT_MS = 5_000;
/** Together far more than flow control lets through unread. */
const UPLOADS = 6;

interface Upload {
  readonly contentType: string;
  readonly body: Buffer;
}

const uploads: readonly Upload[] = [
  { contentType: "application/proto", body: TOO_MUCH },
  { contentType: "application/json", body: TOO_MUCH },
  { contentType: "application/grpc", body: frame(TOO_MUCH) },
  { contentType: "application/grpc+json", body: frame(TOO_MUCH) },
  { contentType: "application/grpc-web+proto", body: frame(TOO_MUCH) },
  { contentType: "application/grpc-web+json", body: frame(TOO_MUCH) },
  { contentType: "text/plain", body: TOO_MUCH },
];

describe.each(["on", "off"])("with COUNTERSIGN_DIRECT_UNARY=%s", (directUnary) => {
  let application: TestApplication;
  beforeAll(async () => {
    application = await startTestApplication({ env: { COUNTERSIGN_DIRECT_UNARY: directUnary } });
  });
  afterAll(() => application.stop());

  const headersOf = ({ contentType }: Upload) => ({
    "content-type": contentType,
    authorization: `Bearer ${application.token}`,
  });

  test.each(uploads)("HTTP/1.1, $contentType", async (upload) => {
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    const post = async (of: Upload) => {
      const { host, port } = application;
      const headers = { ...headersOf(of), "content-length": of.body.length };
      const options = { host, port, path: PATH, method: "POST", agent, headers, timeout: ANSWER_TIMEOUT_MS };
      const request = http.request(options).on("timeout", () => request.destroy(new Error("no answer")));
      request.end(of.body);
      const [response] = (await once(request, "response")) as [http.IncomingMessage];
      await buffer(response);
      return response.statusCode;
    };
    await post(upload);
    expect(await post(GOOD)).toBe(404);
    agent.destroy();
  });

  test.each(uploads)("HTTP/2, $contentType", async (upload) => {
    const session = http2.connect(application.url);
    const post = async (of: Upload) => {
      const stream = session.request({ ":method": "POST", ":path": PATH, ...headersOf(of) });
      stream.setTimeout(ANSWER_TIMEOUT_MS, () => stream.destroy(new Error("no answer")));
      const closed = once(stream, "close");
      stream.end(of.body);
      const [[headers]] = (await Promise.all([once(stream, "response"), buffer(stream)])) as [
        [http2.IncomingHttpHeaders],
        Buffer,
      ];
      // By itself: this client does not cancel what it has got its answer to.
      await closed;
      return headers[":status"];
    };
    for (let count = 0; count < UPLOADS; count++) await post(upload);
    expect(await post(GOOD)).toBe(404);
    session.destroy();
  });
});
