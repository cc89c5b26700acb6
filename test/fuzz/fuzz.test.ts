// The short form of `npm run fuzz`. FUZZ_SEED and FUZZ_INPUTS make it another one; a fault names the seed, and
// `npm run fuzz -- --seed` goes on from there.
import { describe, expect, test } from "@jest/globals";
import { fuzz, FuzzFailure } from "./fuzz-run.ts";
import { encodeFrame, encodeHeaders, Flag, FrameType } from "./http2-frames.ts";
import { judgeHttp1, judgeHttp2 } from "./verdict.ts";

const SEED = Number(process.env["FUZZ_SEED"] ?? 20_260_301);
const INPUTS = Number(process.env["FUZZ_INPUTS"] ?? 4_000);
const MAX_MS = 20_000;

test("mutated requests, frames and bodies do the server no harm", async () => {
  try {
    const { inputs, kinds, statuses } = await fuzz({ seed: SEED, inputs: INPUTS, maxMs: MAX_MS });
    expect(inputs).toBeGreaterThanOrEqual(1_000);
    expect(kinds.size).toBe(4);
    // What is looked for can be seen: the statuses of gRPC, over HTTP/2 and within bodies.
    const seen = [...statuses.keys()].join("\n");
    for (const status of ["gRPC 0", "gRPC 3", "gRPC 16", ": 200", ": 400", ": 404"])
      expect(seen).toContain(status);
  } catch (error) {
    if (!(error instanceof FuzzFailure)) throw error;
    const sent = error.attempts.map(
      ({ kind, chunks }) => `${kind}: ${Buffer.concat(chunks).toString("base64")}`,
    );
    throw new Error(`seed ${SEED}: ${error.message}\nsent: ${sent.slice(-5).join("\n")}`, { cause: error });
  }
}, 60_000);

describe("faults that an answer shows", () => {
  const http1 = (head: string, body: string) => Buffer.from(`HTTP/1.1 ${head}\r\n\r\n${body}`, "latin1");
  const webTrailer = (status: number) => `\x80\0\0\0\x0fgrpc-status: ${status}\r\n`;

  test.each([
    ["status 500", http1("500 Internal Server Error", "")],
    ["gRPC over HTTP/1.1", http1("200 OK\r\ngrpc-status: 13\r\nx: y", "")],
    ["gRPC-Web", http1("200 OK", webTrailer(13))],
    ["gRPC-Web text", http1("200 OK", Buffer.from(webTrailer(2), "latin1").toString("base64"))],
    ["Connect", http1("200 OK", '{"code":"internal","message":"x"}')],
    ["REST", http1("200 OK", '{"code":13,"message":"x"}')],
  ])("%s", (_name, answer) => {
    expect(judgeHttp1(answer).fault).toBeDefined();
  });

  test.each([
    ["another status", http1("503 Service Unavailable", webTrailer(14))],
    ["a text that quotes one", http1("400 Bad Request", '{"code":3,"message":"\\"code\\":13,"}')],
  ])("none: %s", (_name, answer) => {
    expect(judgeHttp1(answer).fault).toBeUndefined();
  });

  test("HTTP/2", () => {
    const headers = (payload: Buffer) =>
      encodeFrame({ type: FrameType.HEADERS, flags: Flag.END_HEADERS, streamId: 1, payload });
    const data = (payload: Buffer) => encodeFrame({ type: FrameType.DATA, flags: 0, streamId: 1, payload });
    // `grpc-status` as nghttp2 writes it, in Huffman's code.
    const grpc = (status: string) =>
      Buffer.concat([
        Buffer.from("00889acac8b21234da8f", "hex"),
        Buffer.from([status.length]),
        Buffer.from(status),
      ]);
    expect(judgeHttp2(headers(Buffer.from([0x8e]))).fault).toBe("HTTP status 500");
    expect(judgeHttp2(headers(Buffer.concat([Buffer.from([0x20, 0x88]), grpc("13")]))).fault).toBe(
      "gRPC status 13",
    );
    expect(judgeHttp2(headers(grpc("16")))).toEqual({ fault: undefined, statuses: ["gRPC 16"] });
    expect(judgeHttp2(data(Buffer.from('{"code":"unknown"}'))).fault).toBeDefined();
    expect(judgeHttp2(headers(encodeHeaders([["x", "500"]]))).fault).toBeUndefined();
  });
});
