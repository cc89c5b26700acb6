/**
 * Posts to the HTTP provider: one request, one answer, of which only the status counts.
 *
 * waiting     All connections are in use.
 * connecting  A kept connection, or a new one: look-up of the name, TCP, TLS, all within the time to connect. Nothing of
 *             the mail is written.
 * asking      The connection stands. The permit is taken, however old the wait for a connection has grown.
 * written     Head and body were written in the same turn of the event loop in which the permit was given.
 * answered    The head of the answer has come, and with it the verdict. Its body is read, so that the connection can be
 *             kept, up to a limit, and thrown away.
 *
 * A failure ends the request from everywhere, and so does the end of the time for the whole. Only while connecting, and
 * once written, is that the provider's doing.
 *
 * A kept connection may have been closed by the other side without anybody having heard of it. When one breaks before an
 * answer, the request goes out again over a new one, once, and the permit is taken again. Should the provider have read
 * the first one, the two have the same webhook-id.
 *
 * The permit comes between the connection and the request, so a refused one costs the connection. Refusals are few.
 */
import {
  Agent as HttpAgent,
  request as httpRequest,
  type ClientRequest,
  type IncomingMessage,
} from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import type { Socket } from "node:net";
import { TLSSocket } from "node:tls";
import type { HandOverPermit } from "../mail-transport.ts";
import { createGuardedLookup } from "./address-guard.ts";
import { isCleartextAllowed, type WebhookEndpoint } from "./webhook-endpoint.ts";

/** What is read of an answer's body; a longer one costs the connection. */
export const MAX_ANSWER_BYTES = 8 * 1024;
/** How long a connection is kept that nothing is posted over. Providers may ask for less. */
const IDLE_MS = 30_000;
/** An address that does not answer leaves the host's other addresses their share of the time. */
const ADDRESS_PATIENCE_MS = 2_000;

export interface WebhookClientOptions {
  readonly endpoint: WebhookEndpoint;
  /** At most, and so posts at the same time. */
  readonly connections: number;
  /** For look-up, TCP and TLS together. */
  readonly connectTimeoutMs: number;
  /** For the whole, waits for a connection and for the permit included. */
  readonly requestTimeoutMs: number;
}

export interface Post {
  readonly body: Uint8Array;
  /** The headers of one try, beside those of HTTP. */
  readonly headers: () => Readonly<Record<string, string>>;
  readonly permit: HandOverPermit;
}

export type PostResult =
  | { readonly kind: "answered"; readonly status: number; readonly retryAfter: string | undefined }
  /** The permit was refused: nothing was written. */
  | { readonly kind: "withdrawn" };

/** Why there was no answer. */
export class PostFault extends Error {
  /** Head and body were written: the provider may have taken the mail. */
  readonly isWritten: boolean;

  constructor(cause: unknown, isWritten: boolean) {
    super("no answer", { cause });
    this.isWritten = isWritten;
  }
}

/** A step took too long. Its message may be logged and stored. */
export class PostTimeout extends Error {
  readonly code = "ETIMEDOUT";
}

/** It ended for a reason of ours. Its message may be logged and stored. */
export class PostGivenUp extends Error {}

type Agent = HttpAgent | HttpsAgent;

export class WebhookClient {
  readonly #options: WebhookClientOptions;
  readonly #url: URL;
  /** Keeps connections. */
  readonly #agent: Agent;
  /** For the second try, which must not meet another dead connection. */
  readonly #freshAgent: Agent;
  readonly #underWay = new Map<(reason: Error) => void, Promise<unknown>>();
  #isClosed = false;

  constructor(options: WebhookClientOptions) {
    this.#options = options;
    this.#url = new URL(options.endpoint.url);
    this.#agent = this.#makeAgent(true);
    this.#freshAgent = this.#makeAgent(false);
  }

  /** @throws PostFault */
  async post(post: Post): Promise<PostResult> {
    const untilMs = performance.now() + this.#options.requestTimeoutMs;
    try {
      return await this.#try(post, this.#agent, untilMs);
    } catch (error) {
      if (!(error instanceof DeadConnection)) throw error;
      return await this.#try(post, this.#freshAgent, untilMs).catch((again: PostFault) => {
        throw new PostFault(again.cause, error.isWritten || again.isWritten);
      });
    }
  }

  /** Breaks off what is under way and closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    const ends = [...this.#underWay.values()];
    for (const giveUp of this.#underWay.keys()) giveUp(closed());
    this.#agent.destroy();
    this.#freshAgent.destroy();
    await Promise.allSettled(ends);
  }

  async #try(post: Post, agent: Agent, untilMs: number): Promise<PostResult> {
    if (this.#isClosed) throw new PostFault(closed(), false);
    const exchange = new Exchange(post, this.#options, untilMs);
    const giveUp = (reason: Error) => exchange.fail(reason);
    this.#underWay.set(giveUp, exchange.result);
    try {
      try {
        exchange.start(this.#request(agent, post));
      } catch (error) {
        exchange.fail(error);
      }
      return await exchange.result;
    } finally {
      this.#underWay.delete(giveUp);
    }
  }

  #request(agent: Agent, { body }: Post): ClientRequest {
    const request = this.#url.protocol === "https:" ? httpsRequest : httpRequest;
    return request(this.#url, {
      method: "POST",
      agent,
      headers: { "content-type": "application/json", "content-length": body.byteLength },
    });
  }

  /** Of our own, so that variables for proxies have no say: behind a proxy no address could be checked. */
  #makeAgent(keepAlive: boolean): Agent {
    const { connections, endpoint } = this.#options;
    const options = {
      keepAlive,
      maxSockets: connections,
      maxFreeSockets: connections,
      scheduling: "lifo",
      timeout: IDLE_MS,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_PATIENCE_MS,
      lookup: createGuardedLookup({
        allowPrivate: endpoint.allowPrivate,
        loopbackOnly: isCleartextAllowed(this.#url),
      }),
    } as const;
    return this.#url.protocol === "https:"
      ? new HttpsAgent({ ...options, minVersion: "TLSv1.2" })
      : new HttpAgent(options);
  }
}

/** One request, from the search for a connection to its end. */
class Exchange {
  readonly #post: Post;
  readonly #connectTimeoutMs: number;
  readonly #deadline: NodeJS.Timeout;
  readonly #settled = Promise.withResolvers<PostResult>();
  #request: ClientRequest | undefined;
  #connecting: NodeJS.Timeout | undefined;
  /** The connection carried other requests before. */
  #isReused = false;
  #step: "waiting" | "connecting" | "asking" | "written" = "waiting";
  #isSettled = false;

  /** @param untilMs on the clock of performance.now() */
  constructor(post: Post, { connectTimeoutMs, requestTimeoutMs }: WebhookClientOptions, untilMs: number) {
    this.#post = post;
    this.#connectTimeoutMs = connectTimeoutMs;
    const limit = `${requestTimeoutMs / 1000} s`;
    const timeOut = () => {
      if (this.#isSettled) this.#request?.destroy();
      else if (this.#step === "waiting") this.fail(new PostGivenUp(`no connection was free within ${limit}`));
      else if (this.#step === "asking") {
        this.fail(new PostGivenUp(`no answer whether the mail may leave within ${limit}`));
      } else this.fail(new PostTimeout(`no answer within ${limit}`));
    };
    this.#deadline = setTimeout(timeOut, Math.max(0, untilMs - performance.now()));
  }

  /** Rejects with PostFault or DeadConnection. */
  get result(): Promise<PostResult> {
    return this.#settled.promise;
  }

  start(request: ClientRequest): void {
    this.#request = request;
    request.on("error", (error) => this.fail(error));
    // What no error comes before, such as an answer 101.
    request.on("close", () => this.fail(new Error("the connection was closed")));
    request.once("response", (response) => this.#answered(response));
    request.once("socket", (socket) => this.#awaitConnection(socket));
  }

  fail(reason: unknown): void {
    const isOurs = reason instanceof PostTimeout || reason instanceof PostGivenUp;
    const Fault = this.#isReused && !isOurs ? DeadConnection : PostFault;
    this.#end(() => this.#settled.reject(new Fault(reason, this.#step === "written")));
  }

  #awaitConnection(socket: Socket): void {
    // ClientRequest.reusedSocket is false for connections that were waited for.
    this.#isReused = socket instanceof TLSSocket ? socket.authorized : !socket.connecting;
    const ready = () => {
      clearTimeout(this.#connecting);
      this.#takePermit().catch((error: unknown) => this.fail(error));
    };
    if (this.#isReused) {
      ready();
      return;
    }
    this.#step = "connecting";
    const limitMs = this.#connectTimeoutMs;
    const timeOut = () => this.fail(new PostTimeout(`no connection within ${limitMs / 1000} s`));
    this.#connecting = setTimeout(timeOut, limitMs);
    socket.once(socket instanceof TLSSocket ? "secureConnect" : "connect", ready);
  }

  async #takePermit(): Promise<void> {
    if (this.#isSettled) return;
    this.#step = "asking";
    const signed = this.#post.headers();
    let isTaken: boolean;
    try {
      isTaken = await this.#post.permit.take();
    } catch {
      this.fail(new PostGivenUp("no answer whether the mail may leave"));
      return;
    }
    if (this.#isSettled) return;
    if (isTaken) this.#write(signed);
    else this.#end(() => this.#settled.resolve({ kind: "withdrawn" }));
  }

  #write(signed: Readonly<Record<string, string>>): void {
    for (const [name, value] of Object.entries(signed)) this.#request?.setHeader(name, value);
    this.#step = "written";
    // Providers answer when they have sent the mail; what is asked of them is out with the last byte.
    this.#request?.end(this.#post.body, () => this.#post.permit.arrived());
  }

  #answered(response: IncomingMessage): void {
    // Proxies say good-bye to idle connections with a 408 that answers nothing.
    if (this.#step !== "written") {
      this.fail(new Error("an answer before the request"));
      return;
    }
    const { statusCode: status = 0, headers } = response;
    this.#isSettled = true;
    this.#settled.resolve({ kind: "answered", status, retryAfter: headers["retry-after"] });
    this.#throwAway(response);
  }

  #throwAway(response: IncomingMessage): void {
    let bytes = 0;
    response.on("data", (chunk: Buffer) => {
      bytes += chunk.byteLength;
      if (bytes > MAX_ANSWER_BYTES) response.destroy();
    });
    response.on("error", () => {});
    response.on("close", () => clearTimeout(this.#deadline));
  }

  /** Without an answer: the connection is of no more use. */
  #end(settle: () => void): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    clearTimeout(this.#connecting);
    clearTimeout(this.#deadline);
    settle();
    this.#request?.destroy();
  }
}

/** A connection that was kept, and is no longer one. */
class DeadConnection extends PostFault {}

function closed(): PostGivenUp {
  return new PostGivenUp("the mail transport is closed");
}
