/**
 * The load: raw HTTP/1.1 and HTTP/2 over sockets, so that the client is not what is measured. Requests are bytes made
 * once; answers are counted, and their bodies measured, not decoded.
 *
 * Run as a process of its own: `node load.ts <json>`; prints {seconds, calls, bodyBytes}.
 */
import { connect, type Socket } from "node:net";

export interface LoadOrder {
  readonly protocol: "http1" | "http2";
  readonly port: number;
  readonly path: string;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  /** Base64. */
  readonly body: string;
  readonly calls: number;
  readonly connections: number;
  /** Calls in flight per connection; 1 over HTTP/1.1. */
  readonly inFlight: number;
  /** What differs from call to call, over HTTP/2. Default: nothing. */
  readonly counters?: readonly Counter[];
}

/** A text in headers and body whose place each call's number takes, with as many digits. */
export interface Counter {
  readonly marker: string;
  /** The number of the load's first call. */
  readonly from: number;
  /** Numbers begin anew at 0 here. */
  readonly below: number;
}

export interface LoadResult {
  readonly seconds: number;
  readonly calls: number;
  readonly bodyBytes: number;
}

const PREFACE = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const FRAME = { data: 0, headers: 1, reset: 3, settings: 4, ping: 6, goAway: 7, windowUpdate: 8 } as const;
const END_STREAM = 0x1;
const ACK = 0x1;
const END_HEADERS = 0x4;
const FRAME_HEADER_BYTES = 9;
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const MAX_WINDOW = 2 ** 31 - 1;

/** Hands out the calls that are left to whichever connection is free. */
class Budget {
  bodyBytes = 0;
  done = 0;
  started = 0;
  #left: number;
  readonly #calls: number;
  readonly #finished: () => void;

  constructor(calls: number, finished: () => void) {
    this.#left = calls;
    this.#calls = calls;
    this.#finished = finished;
  }

  take(): boolean {
    if (this.#left === 0) return false;
    this.#left -= 1;
    this.started += 1;
    return true;
  }

  complete(): void {
    this.done += 1;
    if (this.done === this.#calls) this.#finished();
  }
}

function runHttp1(socket: Socket, order: LoadOrder, budget: Budget): void {
  const body = Buffer.from(order.body, "base64");
  const headers = Object.entries({
    host: "127.0.0.1",
    ...order.headers,
    "content-length": String(body.length),
  });
  const head = `POST ${order.path} HTTP/1.1\r\n${headers.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
  const request = Buffer.concat([Buffer.from(head), body]);
  let pending: Buffer = Buffer.alloc(0);
  const send = () => {
    if (budget.take()) socket.write(request);
  };
  socket.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    const end = pending.indexOf("\r\n\r\n");
    if (end === -1) return;
    const answer = pending.toString("latin1", 0, end);
    if (!answer.startsWith("HTTP/1.1 200")) throw new Error(`not a success: ${answer}`);
    const received = pending.length - end - 4;
    const length = /content-length: (\d+)/i.exec(answer)?.[1];
    // One call at a time: what follows the head is this answer's body, up to its length or its last chunk.
    if (
      length === undefined
        ? !pending.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK)
        : received < Number(length)
    )
      return;
    budget.bodyBytes += received;
    pending = Buffer.alloc(0);
    budget.complete();
    send();
  });
  send();
}

function runHttp2(socket: Socket, order: LoadOrder, budget: Budget): void {
  const body = Buffer.from(order.body, "base64");
  const pseudo = { ":method": "POST", ":scheme": "http", ":path": order.path, ":authority": "127.0.0.1" };
  const block = Buffer.concat(
    Object.entries({ ...pseudo, ...order.headers }).map(([name, value]) => literal(name, value)),
  );
  const request = Buffer.concat([
    frame(FRAME.headers, END_HEADERS, 1, block),
    frame(FRAME.data, END_STREAM, 1, body),
  ]);
  const bodyFrameAt = FRAME_HEADER_BYTES + block.length;
  const counters = (order.counters ?? []).map((counter) => ({
    ...counter,
    places: placesOf(request, counter.marker),
  }));
  let streamId = 1;
  let pending: Buffer = Buffer.alloc(0);
  const send = () => {
    if (!budget.take()) return;
    const bytes = Buffer.from(request);
    bytes.writeUInt32BE(streamId, 5);
    bytes.writeUInt32BE(streamId, bodyFrameAt + 5);
    for (const { marker, from, below, places } of counters) {
      const number = String((from + budget.started) % below).padStart(marker.length, "0");
      for (const place of places) bytes.write(number, place, "latin1");
    }
    streamId += 2;
    socket.write(bytes);
  };
  const window = Buffer.alloc(4);
  window.writeUInt32BE(MAX_WINDOW - 65_535);
  socket.write(PREFACE);
  socket.write(frame(FRAME.settings, 0, 0, Buffer.alloc(0)));
  socket.write(frame(FRAME.windowUpdate, 0, 0, window));
  socket.on("data", (chunk: Buffer) => {
    pending = pending.length === 0 ? chunk : Buffer.concat([pending, chunk]);
    while (pending.length >= FRAME_HEADER_BYTES) {
      const length = pending.readUIntBE(0, 3);
      if (pending.length < FRAME_HEADER_BYTES + length) return;
      const type = pending.readUInt8(3);
      const flags = pending.readUInt8(4);
      const payload = pending.subarray(FRAME_HEADER_BYTES, FRAME_HEADER_BYTES + length);
      pending = pending.subarray(FRAME_HEADER_BYTES + length);
      if (type === FRAME.data) budget.bodyBytes += length;
      if (type === FRAME.settings && (flags & ACK) === 0)
        socket.write(frame(FRAME.settings, ACK, 0, Buffer.alloc(0)));
      if (type === FRAME.ping && (flags & ACK) === 0) socket.write(frame(FRAME.ping, ACK, 0, payload));
      if (type === FRAME.reset || type === FRAME.goAway)
        throw new Error(`the server ended a stream or the session`);
      if ((type === FRAME.data || type === FRAME.headers) && (flags & END_STREAM) !== 0) {
        budget.complete();
        send();
      }
    }
  });
  for (let call = 0; call < order.inFlight; call++) send();
}

function placesOf(request: Buffer, marker: string): readonly number[] {
  const places: number[] = [];
  for (let at = request.indexOf(marker); at !== -1; at = request.indexOf(marker, at + 1)) places.push(at);
  if (places.length === 0) throw new Error(`the request has no ${marker}`);
  return places;
}

/** A header field as literal without indexing, new name, no Huffman code (RFC 7541 section 6.2.2). */
function literal(name: string, value: string): Buffer {
  return Buffer.concat([Buffer.from([0]), text(name), text(value)]);
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, "latin1");
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const rest = bytes.length - 127;
  if (rest >= 128 * 128) throw new RangeError("header too long for this client");
  const prefix = rest < 128 ? [127, rest] : [127, (rest & 127) | 128, rest >> 7];
  return Buffer.concat([Buffer.from(prefix), bytes]);
}

function frame(type: number, flags: number, streamId: number, payload: Buffer): Buffer {
  const header = Buffer.alloc(FRAME_HEADER_BYTES);
  header.writeUIntBE(payload.length, 0, 3);
  header.writeUInt8(type, 3);
  header.writeUInt8(flags, 4);
  header.writeUInt32BE(streamId, 5);
  return Buffer.concat([header, payload]);
}

async function run(order: LoadOrder): Promise<LoadResult> {
  const sockets = await Promise.all(
    Array.from({ length: order.connections }, async () => {
      const socket = connect({ host: "127.0.0.1", port: order.port, noDelay: true });
      await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
      return socket;
    }),
  );
  const finished = Promise.withResolvers<void>();
  const budget = new Budget(order.calls, finished.resolve);
  const started = performance.now();
  for (const socket of sockets) (order.protocol === "http1" ? runHttp1 : runHttp2)(socket, order, budget);
  await finished.promise;
  const seconds = (performance.now() - started) / 1_000;
  for (const socket of sockets) socket.destroy();
  return { seconds, calls: budget.done, bodyBytes: budget.bodyBytes };
}

console.log(JSON.stringify(await run(JSON.parse(process.argv[2] ?? "{}") as LoadOrder)));
