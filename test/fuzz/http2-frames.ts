// HTTP/2 by hand (RFC 9113, RFC 7541): just enough to say anything to a server, and to see what it answers.

export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const FrameType = {
  DATA: 0,
  HEADERS: 1,
  PRIORITY: 2,
  RST_STREAM: 3,
  SETTINGS: 4,
  PUSH_PROMISE: 5,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
} as const;

export const Flag = { END_STREAM: 0x1, ACK: 0x1, END_HEADERS: 0x4, PADDED: 0x8, PRIORITY: 0x20 } as const;

const PREFIX_BYTES = 9;
const SETTINGS_HEADER_TABLE_SIZE = 1;
const SETTINGS_INITIAL_WINDOW_SIZE = 4;
const WINDOW = 0x7fff_ffff;

export interface Frame {
  readonly type: number;
  readonly flags: number;
  readonly streamId: number;
  readonly payload: Buffer;
}

export function encodeFrame({ type, flags, streamId, payload }: Frame): Buffer {
  const prefix = Buffer.alloc(PREFIX_BYTES);
  prefix.writeUIntBE(payload.length, 0, 3);
  prefix.writeUInt8(type, 3);
  prefix.writeUInt8(flags, 4);
  prefix.writeUInt32BE(streamId, 5);
  return Buffer.concat([prefix, payload]);
}

function setting(id: number, value: number): Buffer {
  const bytes = Buffer.alloc(6);
  bytes.writeUInt16BE(id, 0);
  bytes.writeUInt32BE(value, 2);
  return bytes;
}

function windowUpdate(streamId: number, increment: number): Buffer {
  const payload = Buffer.alloc(4);
  payload.writeUInt32BE(increment);
  return encodeFrame({ type: FrameType.WINDOW_UPDATE, flags: 0, streamId, payload });
}

/** No header table for the server, so that each of its header blocks can be read by itself; windows that never fill. */
export function opening(): Buffer {
  const payload = Buffer.concat([
    setting(SETTINGS_HEADER_TABLE_SIZE, 0),
    setting(SETTINGS_INITIAL_WINDOW_SIZE, WINDOW),
  ]);
  const settings = encodeFrame({ type: FrameType.SETTINGS, flags: 0, streamId: 0, payload });
  return Buffer.concat([PREFACE, settings, windowUpdate(0, WINDOW - 65_535)]);
}

export const SETTINGS_ACK = encodeFrame({
  type: FrameType.SETTINGS,
  flags: Flag.ACK,
  streamId: 0,
  payload: Buffer.alloc(0),
});

/** Literals that enter no table, without Huffman codes. */
export function encodeHeaders(headers: readonly (readonly [name: string, value: string])[]): Buffer {
  const literal = (text: string) => {
    const bytes = Buffer.from(text, "latin1");
    return Buffer.concat([hpackLength(bytes.length), bytes]);
  };
  return Buffer.concat(headers.flatMap(([name, value]) => [Buffer.from([0]), literal(name), literal(value)]));
}

/** A number with a prefix of seven bits. */
function hpackLength(length: number): Buffer {
  if (length < 127) return Buffer.from([length]);
  const bytes = [127];
  let left = length - 127;
  for (; left >= 128; left = Math.floor(left / 128)) bytes.push((left % 128) | 0x80);
  return Buffer.from([...bytes, left]);
}

/** Takes frames off the front of what was received. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  push(bytes: Buffer): Frame[] {
    this.#rest = this.#rest.length === 0 ? bytes : Buffer.concat([this.#rest, bytes]);
    const frames: Frame[] = [];
    while (this.#rest.length >= PREFIX_BYTES) {
      const end = PREFIX_BYTES + this.#rest.readUIntBE(0, 3);
      if (this.#rest.length < end) break;
      frames.push({
        type: this.#rest.readUInt8(3),
        flags: this.#rest.readUInt8(4),
        streamId: this.#rest.readUInt32BE(5) & 0x7fff_ffff,
        payload: this.#rest.subarray(PREFIX_BYTES, end),
      });
      this.#rest = this.#rest.subarray(end);
    }
    return frames;
  }
}

/** RFC 7541 appendix A: statuses that are one byte. */
const INDEXED_STATUS: Readonly<Record<number, number>> = {
  0x88: 200,
  0x89: 204,
  0x8a: 206,
  0x8b: 304,
  0x8c: 400,
  0x8d: 404,
  0x8e: 500,
};
const TABLE_SIZE_UPDATE = 0x20;
/** `grpc-status` in Huffman's code, with its length. */
const GRPC_STATUS_NAME = Buffer.from("889acac8b21234da8f", "hex");

/** The status of a header block; undefined where it is none of the common ones. */
export function httpStatusOf(block: Buffer): number | undefined {
  const first = block.findIndex((byte) => (byte & 0xe0) !== TABLE_SIZE_UPDATE);
  return INDEXED_STATUS[block[first] ?? 0];
}

/** gRPC's status in a header block of a server that has no header table. Its one or two digits are never Huffman's. */
export function grpcStatusOf(block: Buffer): number | undefined {
  const start = block.indexOf(GRPC_STATUS_NAME);
  if (start === -1) return undefined;
  const length = block.readUInt8(start + GRPC_STATUS_NAME.length);
  const valueStart = start + GRPC_STATUS_NAME.length + 1;
  return Number(block.toString("latin1", valueStart, valueStart + length));
}
