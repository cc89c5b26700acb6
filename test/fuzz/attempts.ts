// What is sent over one connection: requests that are well-formed HTTP and must be answered, or bytes that may be anything.
import type { Random } from "../support/random.ts";
import {
  encodeFrame,
  encodeHeaders,
  Flag,
  FrameType,
  opening,
  PREFACE,
  SETTINGS_ACK,
  type Frame,
} from "./http2-frames.ts";
import { mutate } from "./mutate.ts";
import { randomRequest, type FuzzedRequest, type Setting } from "./requests.ts";

export interface Attempt {
  /** Of its first input. */
  readonly number: number;
  readonly kind: string;
  readonly inputs: number;
  readonly httpVersion: 1 | 2;
  /** Sent one after the other, each with a moment between. */
  readonly chunks: readonly Buffer[];
  /**
   * Over HTTP/2: the streams that must come to an end. Over HTTP/1.1: whether the server has to answer, and then to end
   * the connection.
   */
  readonly mustAnswer: boolean;
  readonly streams: number;
}

const REQUESTS_PER_HTTP1 = 4;
const REQUESTS_PER_HTTP2 = 10;

type Draft = Omit<Attempt, "number">;
type Make = (random: Random, setting: Setting) => Draft;

/** By weight. */
const makers: readonly Make[] = [
  http1Bytes,
  http1Bytes,
  http1Bytes,
  http2Bytes,
  http2Bytes,
  http2Bytes,
  http1Requests,
  http2Requests,
];

export function makeAttempt(number: number, random: Random, setting: Setting): Attempt {
  return { number, ...random.pick(makers)(random, setting) };
}

// --- well-formed --------------------------------------------------------------------------------------------------

/** Pipelined; the last one asks for the end of the connection. */
function http1Requests(random: Random, setting: Setting): Draft {
  const requests = Array.from({ length: REQUESTS_PER_HTTP1 }, () => randomRequest(random, setting));
  const bytes = requests.map((request, index) => http1Request(request, index === requests.length - 1));
  return {
    kind: "well-formed requests over HTTP/1.1",
    inputs: requests.length,
    httpVersion: 1,
    chunks: inPieces(Buffer.concat(bytes), random),
    mustAnswer: true,
    streams: 0,
  };
}

function http1Request({ verb, path, headers, body }: FuzzedRequest, isLast: boolean): Buffer {
  const lines = [
    `${verb} ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    ...headers.map(([name, value]) => `${name}: ${value}`),
    `Content-Length: ${body.length}`,
    ...(isLast ? ["Connection: close"] : []),
  ];
  return Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), body]);
}

function http2Requests(random: Random, setting: Setting): Draft {
  const frames = Array.from({ length: REQUESTS_PER_HTTP2 }, (_, index) =>
    http2Request(randomRequest(random, setting), 2 * index + 1, random),
  );
  return {
    kind: "well-formed requests over HTTP/2",
    inputs: REQUESTS_PER_HTTP2,
    httpVersion: 2,
    chunks: inPieces(Buffer.concat([opening(), SETTINGS_ACK, ...frames.flat().map(encodeFrame)]), random),
    mustAnswer: true,
    streams: REQUESTS_PER_HTTP2,
  };
}

const ODD_AUTHORITIES = ["localhost:1", "[::1]", "[", "example.com:99999", "a@b"];
const MAX_FRAME_BYTES = 16_384;

function http2Request(
  { verb, path, headers, body }: FuzzedRequest,
  streamId: number,
  random: Random,
): Frame[] {
  const block = encodeHeaders([
    [":method", verb],
    [":scheme", "http"],
    [":path", path],
    [":authority", random.chance(0.95) ? "127.0.0.1" : random.pick(ODD_AUTHORITIES)],
    ...headers,
  ]);
  const hasBody = body.length > 0 || random.chance(0.5);
  const flags = Flag.END_HEADERS | (hasBody ? 0 : Flag.END_STREAM);
  const head: Frame = { type: FrameType.HEADERS, flags, streamId, payload: block };
  return hasBody ? [head, ...dataFrames(body, streamId)] : [head];
}

function dataFrames(body: Buffer, streamId: number): Frame[] {
  const frames: Frame[] = [];
  for (let start = 0; start <= body.length; start += MAX_FRAME_BYTES) {
    const isLast = start + MAX_FRAME_BYTES > body.length;
    const payload = body.subarray(start, start + MAX_FRAME_BYTES);
    frames.push({ type: FrameType.DATA, flags: isLast ? Flag.END_STREAM : 0, streamId, payload });
  }
  return frames;
}

/** At once, or cut somewhere. */
function inPieces(bytes: Buffer, random: Random): Buffer[] {
  if (random.chance(0.7)) return [bytes];
  const at = random.below(bytes.length);
  return [bytes.subarray(0, at), bytes.subarray(at)];
}

// --- anything -----------------------------------------------------------------------------------------------------

const REQUEST_LINES = [
  "GET http://127.0.0.1/v2/users/1 HTTP/1.1",
  "OPTIONS * HTTP/1.1",
  "CONNECT 127.0.0.1:80 HTTP/1.1",
  "GET /v2/users/1 HTTP/1.0",
  "GET /v2/users/1 HTTP/0.9",
  "GET /v2/users/1 HTTP/2.0",
  "GET /v2/users/1",
  "get /healthz HTTP/1.1",
  "POST  /v2/users  HTTP/1.1",
  "PRI * HTTP/2.0",
];
const HEADER_LINES = [
  "Transfer-Encoding: chunked",
  "Transfer-Encoding: gzip, chunked",
  "Transfer-Encoding: identity",
  "Transfer-Encoding : chunked",
  "Content-Length: 5",
  "Content-Length: 0",
  "Content-Length: -1",
  "Content-Length: 99999999999999999999",
  "Content-Length: 5, 5",
  "Host: ",
  "Host: [",
  "Host: a b",
  "Host: 127.0.0.1:99999",
  "Host: example.com",
  "Expect: 100-continue",
  "Expect: x",
  "Connection: Upgrade, HTTP2-Settings",
  "Connection: close",
  "Connection: keep-alive",
  "Upgrade: h2c",
  "Upgrade: websocket",
  "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
  "Trailer: x",
  " folded",
  ": no name",
  "no colon",
  "a\0b: c",
  `Long: ${"x".repeat(17_000)}`,
];
const CHUNKED_BODIES = [
  "0\r\n\r\n",
  "5\r\nhello\r\n0\r\n\r\n",
  "5;a=b\r\nhello\r\n0\r\nTrailer: x\r\n\r\n",
  "ffffffffffffffff\r\n",
  "-1\r\n\r\n",
  "5\nhello\n0\n\n",
  "2\r\n{}\r\n0\r\nGET / HTTP/1.1\r\n\r\n",
  "x",
];

function http1Bytes(random: Random, setting: Setting): Draft {
  const request = http1Request(randomRequest(random, setting), random.chance(0.5));
  const split = request.indexOf("\r\n\r\n");
  const lines = request.toString("latin1", 0, split).split("\r\n");
  let body = request.subarray(split + 4);
  if (random.chance(0.3)) lines[0] = random.pick(REQUEST_LINES);
  while (random.chance(0.4)) lines.splice(1 + random.below(lines.length), 0, random.pick(HEADER_LINES));
  if (random.chance(0.2)) lines.splice(random.below(lines.length), 1);
  if (random.chance(0.2)) body = Buffer.from(random.pick(CHUNKED_BODIES), "latin1");
  const lineEnd = random.chance(0.95) ? "\r\n" : random.pick(["\n", "\r", "\r\n\t", "\0\r\n"]);
  const built = Buffer.concat([Buffer.from(lines.join(lineEnd) + lineEnd + lineEnd, "latin1"), body]);
  const bytes = random.chance(0.6) ? mutate(built, random) : built;
  return {
    kind: "bytes over HTTP/1.1",
    inputs: 1,
    httpVersion: 1,
    chunks: inPieces(random.chance(0.1) ? Buffer.concat([bytes, request]) : bytes, random),
    mustAnswer: false,
    streams: 0,
  };
}

function http2Bytes(random: Random, setting: Setting): Draft {
  const frames: Frame[] = [];
  for (let count = 1 + random.below(4); count > 0; count--) {
    frames.push(...http2Request(randomRequest(random, setting), 2 * frames.length + 1, random));
  }
  while (random.chance(0.3)) frames.splice(random.below(frames.length + 1), 0, randomFrame(random));
  const changed = frames.map((frame) => (random.chance(0.2) ? changedFrame(frame, random) : frame));
  const start = random.chance(0.95) ? opening() : random.pick([PREFACE, mutate(opening(), random)]);
  const all = Buffer.concat([start, SETTINGS_ACK, ...changed.map(encodeFrame)]);
  return {
    kind: "frames of HTTP/2",
    inputs: 1,
    httpVersion: 2,
    chunks: inPieces(
      random.chance(0.2) ? Buffer.concat([start, mutate(all.subarray(start.length), random)]) : all,
      random,
    ),
    mustAnswer: false,
    streams: 0,
  };
}

const ODD_STREAM_IDS = [0, 1, 2, 3, 5, 7, 99, 0x7fff_ffff, 0xffff_ffff];

function randomFrame(random: Random): Frame {
  const type = random.chance(0.9) ? random.below(10) : random.below(256);
  const payload = random.pick([
    Buffer.alloc(0),
    random.bytes(4),
    random.bytes(5),
    random.bytes(6),
    random.bytes(8),
    Buffer.alloc(8),
    Buffer.from([0, 3, 0, 0, 0, 0]),
    Buffer.from([0, 5, 0xff, 0xff, 0xff, 0xff]),
    Buffer.from([0x7f, 0xff, 0xff, 0xff]),
    random.bytes(random.below(200)),
  ]);
  return {
    type,
    flags: random.pick([0, 1, 4, 5, 8, 0x20, 0x2d, 0xff]),
    streamId: random.pick(ODD_STREAM_IDS),
    payload,
  };
}

/** HPACK: indexes that do not exist, sizes that are not allowed, lengths and Huffman codes that do not end. */
const HPACK_RUBBISH = [
  "80",
  "be",
  "ff ff ff ff ff ff ff ff ff ff 7f",
  "3f e1 ff 03",
  "3f ff ff ff ff 0f",
  "20 20 20",
  "00 ff ff ff ff 0f",
  "00 81 ff 81 ff",
  "40 01 61 01 62 be be be be",
  "00 01 41 00",
  "00 00 00",
  "00 01 3a 00",
  "00 07 3a 73 74 61 74 75 73 03 32 30 30",
  "00 0a 63 6f 6e 6e 65 63 74 69 6f 6e 05 63 6c 6f 73 65",
  "82 82 82",
  "00 01 61 03 61 0d 0a",
].map((hex) => Buffer.from(hex.replaceAll(" ", ""), "hex"));

function changedFrame(frame: Frame, random: Random): Frame {
  switch (random.below(7)) {
    case 0:
      return { ...frame, type: random.below(11) };
    case 1:
      return { ...frame, flags: random.below(256) };
    case 2:
      return { ...frame, streamId: random.pick(ODD_STREAM_IDS) };
    case 3:
      return { ...frame, payload: Buffer.concat([random.pick(HPACK_RUBBISH), frame.payload]) };
    case 4:
      return { ...frame, payload: Buffer.concat([frame.payload, random.pick(HPACK_RUBBISH)]) };
    case 5:
      return { ...frame, flags: frame.flags & ~random.pick([Flag.END_STREAM, Flag.END_HEADERS]) };
    default:
      return { ...frame, payload: mutate(frame.payload, random) };
  }
}
