// HTTP exchanges as bytes: nothing between the test and the socket but node:http, node:http2 or node:net.
import { once } from "node:events";
import * as http from "node:http";
import * as http2 from "node:http2";
import { connect as connectTcp, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";

export interface Target {
  readonly host: string;
  readonly port: number;
}

export interface RawRequest {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** Without a Content-Length: in chunks over HTTP/1.1. */
  readonly chunked?: boolean;
}

export interface RawAnswer {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly trailers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** All that tells one answer from another, whenever they came. */
export function fingerprint({ status, headers, trailers, body }: RawAnswer): string {
  const { "x-request-id": _id, date: _date, ...stable } = headers;
  return JSON.stringify([status, stable, trailers, body.toString("base64")]);
}

/** One exchange on a connection of its own. */
export async function exchangeHttp1(target: Target, request: RawRequest): Promise<RawAnswer> {
  const { method, path, headers = {}, body, chunked = false } = request;
  const bytes = body === undefined ? undefined : Buffer.from(body);
  const outgoing = http.request({
    ...target,
    method,
    path,
    agent: false,
    headers: {
      ...headers,
      ...(bytes !== undefined && !chunked && { "content-length": String(bytes.length) }),
      ...(chunked && { "transfer-encoding": "chunked" }),
    },
  });
  outgoing.end(bytes);
  const [incoming] = (await once(outgoing, "response")) as [http.IncomingMessage];
  // A server that answers before it has read everything may reset the connection afterwards.
  outgoing.on("error", () => {});
  const received = await buffer(incoming);
  return {
    status: incoming.statusCode ?? 0,
    headers: flatten(incoming.headers),
    trailers: flatten(incoming.trailers),
    body: received,
  };
}

/** One HTTP/2 connection with prior knowledge. */
export class Http2Connection {
  readonly #session: http2.ClientHttp2Session;

  private constructor(session: http2.ClientHttp2Session) {
    this.#session = session;
  }

  static async open({ host, port }: Target): Promise<Http2Connection> {
    // Otherwise node refuses to send what the server should refuse to take.
    const session = http2.connect(`http://${host}:${port}`, { maxSendHeaderBlockLength: 2 ** 24 });
    await once(session, "connect");
    session.on("error", () => {});
    return new Http2Connection(session);
  }

  get isUsable(): boolean {
    return !this.#session.closed && !this.#session.destroyed;
  }

  /** @throws Error when the stream is reset before the answer's headers, or while the body is on its way */
  async exchange({ method, path, headers = {}, body }: RawRequest): Promise<RawAnswer> {
    const stream = this.#session.request(
      { ":method": method, ":path": path, ...headers },
      { endStream: body === undefined },
    );
    if (body !== undefined) stream.end(Buffer.from(body));
    return readHttp2Answer(stream);
  }

  async close(): Promise<void> {
    if (this.#session.destroyed) return;
    const closed = once(this.#session, "close");
    this.#session.close();
    await closed;
  }
}

export async function readHttp2Answer(stream: http2.ClientHttp2Stream): Promise<RawAnswer> {
  let trailers: http2.IncomingHttpHeaders = {};
  stream.once("trailers", (received: http2.IncomingHttpHeaders) => (trailers = received));
  const answered = once(stream, "response") as Promise<[http2.IncomingHttpHeaders]>;
  const [[headers], body] = await Promise.all([answered, buffer(stream)]);
  // A server may answer without reading all of the request: the rest is not sent then.
  stream.close(http2.constants.NGHTTP2_CANCEL);
  return {
    status: Number(headers[":status"]),
    headers: flatten(headers),
    trailers: flatten(trailers),
    body,
  };
}

/** One exchange on an HTTP/2 connection of its own. */
export async function exchangeHttp2(target: Target, request: RawRequest): Promise<RawAnswer> {
  const connection = await Http2Connection.open(target);
  try {
    return await connection.exchange(request);
  } finally {
    await connection.close();
  }
}

function flatten(headers: http.IncomingHttpHeaders): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).flatMap(([name, value]) =>
      value === undefined || name.startsWith(":") ? [] : [[name, String(value)]],
    ),
  );
}

/** A TCP connection that keeps everything it receives. */
export class RawSocket {
  readonly socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  readonly #watchers = new Set<() => void>();
  #isOver = false;

  private constructor(socket: Socket) {
    this.socket = socket;
    socket.on("data", (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#notify();
    });
    const over = () => {
      this.#isOver = true;
      this.#notify();
    };
    socket.on("error", over).on("end", over).on("close", over);
  }

  static async open(target: Target): Promise<RawSocket> {
    const socket = connectTcp(target);
    await once(socket, "connect");
    return new RawSocket(socket);
  }

  /** All that came so far, as Latin-1. */
  get text(): string {
    return this.#received.toString("latin1");
  }

  /** Whether the server has ended the connection. */
  get isOver(): boolean {
    return this.#isOver;
  }

  write(bytes: Uint8Array | string): void {
    this.socket.write(typeof bytes === "string" ? Buffer.from(bytes, "latin1") : bytes);
  }

  /** @returns all that came, once it satisfies the condition @throws Error when the connection is over before */
  async until(isEnough: (text: string) => boolean): Promise<string> {
    await this.#watch(() => isEnough(this.text) || this.#isOver);
    if (!isEnough(this.text)) throw new Error(`the connection ended after ${JSON.stringify(this.text)}`);
    return this.text;
  }

  /** @returns all that came until the server ended the connection */
  async untilOver(): Promise<string> {
    await this.#watch(() => this.#isOver);
    return this.text;
  }

  destroy(): void {
    this.socket.destroy();
  }

  #watch(isDone: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isDone()) return;
        this.#watchers.delete(look);
        resolve();
      };
      this.#watchers.add(look);
      look();
    });
  }

  #notify(): void {
    for (const look of this.#watchers) look();
  }
}
