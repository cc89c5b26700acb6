// HTTP/2 as bytes (RFC 9113): for what no client library would send.
export const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export const frameTypes = { headers: 1, resetStream: 3, settings: 4, ping: 6, continuation: 9 } as const;
export const flags = { endStream: 0x1, ack: 0x1, endHeaders: 0x4 } as const;

export function http2Frame(type: number, flag: number, streamId: number, payload: Uint8Array): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flag, 4);
  head.writeUInt32BE(streamId, 5);
  return Buffer.concat([head, payload]);
}

/** What opens a connection: settings of one's own, and the server's acknowledged before they came. */
export const GREETING = Buffer.concat([
  PREFACE,
  http2Frame(frameTypes.settings, 0, 0, Buffer.alloc(0)),
  http2Frame(frameTypes.settings, flags.ack, 0, Buffer.alloc(0)),
]);

/** Headers of a GET in HPACK (RFC 7541) without its dynamic table: the same bytes on every stream. */
export function getHeaders(path: string): Buffer {
  const literal = (name: number, value: string) =>
    Buffer.concat([Buffer.from([name, value.length]), Buffer.from(value)]);
  // Static table: 2 is GET, 6 is http, 1 is :authority, 4 is :path.
  return Buffer.concat([Buffer.from([0x82, 0x86]), literal(0x01, "localhost"), literal(0x04, path)]);
}
