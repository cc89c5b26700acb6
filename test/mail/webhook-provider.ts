// An HTTP provider for tests: a real server on a free port, which records what it was posted; or one that speaks raw TCP.
import { once } from "node:events";
import {
  createServer as createHttpServer,
  type IncomingHttpHeaders,
  type RequestListener,
  type Server as HttpServer,
  type ServerResponse,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { createServer as createTcpServer, type AddressInfo, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";
import { Webhook } from "standardwebhooks";
import type { WebhookPayload } from "../../src/mail/webhook/payload.ts";
import type { CertificatePair } from "../support/certificate.ts";

export interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export type Answer = (response: ServerResponse, received: Received) => void;

/** @returns the payload, once the library of Standard Webhooks has verified it under the secret */
export function verified({ body, headers }: Received, secret: Uint8Array): WebhookPayload {
  const webhook = new Webhook(`whsec_${Buffer.from(secret).toString("base64")}`);
  return webhook.verify(body, headers as Record<string, string>) as WebhookPayload;
}

export class Provider {
  readonly received: Received[] = [];
  /** Every connection that there was. */
  readonly sockets: Socket[] = [];
  answer: Answer;
  mostAtOnce = 0;
  readonly #server: HttpServer;

  private constructor(answer: Answer, certificate?: CertificatePair) {
    this.answer = answer;
    const listen: RequestListener = (request, response) => {
      request.on("error", () => {});
      void buffer(request).then(
        (body) => {
          const received = { method: request.method, path: request.url, headers: request.headers, body };
          this.received.push(received);
          this.answer(response, received);
        },
        () => {},
      );
    };
    this.#server =
      certificate === undefined
        ? createHttpServer(listen)
        : createHttpsServer({ cert: certificate.certificate, key: certificate.key }, listen);
    this.#server.on("connection", (socket: Socket) => {
      this.sockets.push(socket);
      const open = this.sockets.filter(({ destroyed }) => !destroyed);
      this.mostAtOnce = Math.max(this.mostAtOnce, open.length);
    });
  }

  static async start(
    answer: Answer = (response) => response.writeHead(204).end(),
    certificate?: CertificatePair,
    host = "127.0.0.1",
  ): Promise<Provider> {
    const provider = new Provider(answer, certificate);
    provider.#server.listen(0, host);
    await once(provider.#server, "listening");
    return provider;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  async stop(): Promise<void> {
    this.#server.close();
    this.#server.closeAllConnections();
    await once(this.#server, "close");
  }
}

/** What a raw provider does with the bytes of one connection so far, whenever some come; once without any, at its start. */
export type Behaviour = (socket: Socket, bytes: string) => void;

/** A provider that breaks the rules of HTTP. */
export class RawProvider {
  /** What was received, by connection. */
  readonly received: string[] = [];
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();

  private constructor(behave: Behaviour) {
    this.#server = createTcpServer((socket) => {
      const index = this.received.push("") - 1;
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("data", (chunk: Buffer) => {
        this.received[index] += chunk.toString("latin1");
        behave(socket, this.received[index] ?? "");
      });
      behave(socket, "");
    });
  }

  static async start(behave: Behaviour): Promise<RawProvider> {
    const provider = new RawProvider(behave);
    provider.#server.listen(0, "127.0.0.1");
    await once(provider.#server, "listening");
    return provider;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Until no connection is left: what was written has been received then. */
  async abandoned(): Promise<void> {
    for (const socket of this.#sockets) if (!socket.destroyed) await once(socket, "close");
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    if (this.#server.listening) await once(this.#server, "close");
  }
}

/** Whether a whole request is among the bytes, as its JSON ends. */
export function isWhole(bytes: string): boolean {
  return bytes.endsWith("}}");
}
