/**
 * HTTP/2 over one connection (RFC 9113), as much of it as calls need.
 *
 * Like real clients it sends headers in full once and as indexes afterwards (RFC 7541 section 6.1). The server is told to
 * index nothing (SETTINGS_HEADER_TABLE_SIZE 0), so that the trailers of a success are the same bytes every time.
 */
import type { Socket } from "node:net";
import type { Budget, Call } from "./budget.ts";
import { containsOkStatus, indexed, literal } from "./hpack.ts";
import { CODE_MARKER, type LoadOrder } from "./order.ts";
import { Template } from "./template.ts";

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const HEADER_TABLE_SIZE = 1;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const FRAME_HEADER_BYTES = 9;
const MAX_WINDOW = 2 ** 31 - 1;

interface Open {
  readonly call: Call;
  readonly startedMs: number;
  bodyBytes: number;
  code: string;
}

export function runHttp2(socket: Socket, order: LoadOrder, budget: Budget): void {
  const templates = requestTemplates(order);
  const streams = new Map<number, Open>();
  const collects = order.codes === "collect";
  let lastStreamId = -1;
  let pending: Buffer = Buffer.alloc(0);
  /** Written together once a chunk of answers was read. */
  let outgoing: Buffer[] = [
    Buffer.from(PREFACE),
    frame(FRAME.settings, 0, 0, setting(HEADER_TABLE_SIZE, 0)),
    frame(FRAME.windowUpdate, 0, 0, uint32(MAX_WINDOW - 65_535)),
  ];

  const send = (nowMs: number) => {
    const call = budget.take(nowMs);
    if (call === undefined) return;
    const { template, bodyFrameAt } = lastStreamId === -1 ? templates.first : templates.later;
    lastStreamId += 2;
    const bytes = template.fill(call);
    bytes.writeUInt32BE(lastStreamId, 5);
    bytes.writeUInt32BE(lastStreamId, bodyFrameAt + 5);
    streams.set(lastStreamId, { call, startedMs: nowMs, bodyBytes: 0, code: "" });
    outgoing.push(bytes);
  };
  const flush = () => {
    if (outgoing.length > 0) socket.write(Buffer.concat(outgoing));
    outgoing = [];
  };
  const end = (streamId: number, stream: Open, isOk: boolean) => {
    if (!isOk) throw new Error("a call was refused: its last frame has no grpc-status 0");
    streams.delete(streamId);
    const nowMs = performance.now();
    budget.complete(stream.call, nowMs - stream.startedMs, nowMs, stream.bodyBytes, stream.code);
    send(nowMs);
  };
  const read = (type: number, flags: number, streamId: number, payload: Buffer) => {
    if (type === FRAME.reset || type === FRAME.goAway)
      throw new Error(`the server ended ${type === FRAME.reset ? "a stream" : "the session"}`);
    if (type === FRAME.settings && (flags & ACK) === 0)
      outgoing.push(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
    if (type === FRAME.ping && (flags & ACK) === 0) outgoing.push(frame(FRAME.ping, ACK, 0, payload));
    const stream = streams.get(streamId);
    if (stream === undefined) return;
    const isLast = (flags & END_STREAM) !== 0;
    if (type === FRAME.data) {
      stream.bodyBytes += payload.length;
      // The code is the last field of the message.
      if (collects) stream.code = payload.toString("latin1", payload.length - CODE_MARKER.length);
      if (isLast) end(streamId, stream, order.success === "status 200");
    } else if (type === FRAME.headers && isLast) end(streamId, stream, containsOkStatus(payload));
  };
  socket.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    let at = 0;
    while (pending.length >= at + FRAME_HEADER_BYTES) {
      const next = at + FRAME_HEADER_BYTES + pending.readUIntBE(at, 3);
      if (pending.length < next) break;
      const payload = pending.subarray(at + FRAME_HEADER_BYTES, next);
      read(pending.readUInt8(at + 3), pending.readUInt8(at + 4), pending.readUInt32BE(at + 5), payload);
      at = next;
    }
    pending = pending.subarray(at);
    flush();
  });
  const nowMs = performance.now();
  for (let call = 0; call < order.inFlight; call++) send(nowMs);
  flush();
}

interface RequestTemplate {
  readonly template: Template;
  readonly bodyFrameAt: number;
}

function requestTemplates(order: LoadOrder): Record<"first" | "later", RequestTemplate> {
  const pseudo = {
    ":method": "POST",
    ":scheme": order.tls ? "https" : "http",
    ":path": order.path,
    ":authority": `127.0.0.1:${order.port}`,
  };
  const fields = Object.entries({ ...pseudo, ...order.headers });
  const body = frame(FRAME.data, END_STREAM, 1, Buffer.from(order.body, "base64"));
  const make = (block: Buffer): RequestTemplate => ({
    template: new Template(Buffer.concat([frame(FRAME.headers, END_HEADERS, 1, block), body])),
    bodyFrameAt: FRAME_HEADER_BYTES + block.length,
  });
  return {
    first: make(Buffer.concat(fields.map(([name, value]) => literal(name, value)))),
    later: make(Buffer.from(fields.map((_, position) => indexed(position, fields.length)))),
  };
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

function setting(id: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, id]), uint32(value)]);
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}
