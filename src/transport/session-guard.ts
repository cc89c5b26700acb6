/**
 * The time-outs of HTTP/2, which node leaves to its users: sessions that do not shake hands or have nothing to do, requests
 * that do not come to their end, answers that nobody takes.
 *
 * A clock looks at all of them every few seconds: as with node's own time-outs for HTTP/1.1, one may come that much late.
 */
import { constants, type Http2Session, type ServerHttp2Stream } from "node:http2";
import type { Socket } from "node:net";
import type { ListenerLimits } from "./limits.ts";

interface SessionState {
  readonly socket: Socket;
  readonly openedMs: number;
  openStreams: number;
  /** When its last stream ended, or it was opened. */
  idleSinceMs: number;
  /** When it was told to go. */
  closedMs: number | undefined;
}

interface StreamState {
  readonly openedMs: number;
  /** When the clock first saw its answer complete. */
  answeredMs: number | undefined;
  isConversation: boolean;
}

export class SessionGuard {
  readonly #limits: ListenerLimits;
  readonly #sessions = new Map<Http2Session, SessionState>();
  /** In the order of their opening. */
  readonly #streams = new Map<ServerHttp2Stream, StreamState>();
  readonly #clock: NodeJS.Timeout;

  constructor(limits: ListenerLimits) {
    this.#limits = limits;
    this.#clock = setInterval(() => this.#check(performance.now()), limits.checkIntervalMs).unref();
  }

  get sessions(): Iterable<Http2Session> {
    return this.#sessions.keys();
  }

  watchSession(session: Http2Session, socket: Socket): void {
    const now = performance.now();
    this.#sessions.set(session, {
      socket,
      openedMs: now,
      openStreams: 0,
      idleSinceMs: now,
      closedMs: undefined,
    });
    session.once("close", () => this.#sessions.delete(session));
  }

  watchStream(stream: ServerHttp2Stream): void {
    const session = stream.session === undefined ? undefined : this.#sessions.get(stream.session);
    if (session !== undefined) session.openStreams++;
    this.#streams.set(stream, {
      openedMs: performance.now(),
      answeredMs: undefined,
      isConversation: false,
    });
    stream.once("close", () => {
      this.#streams.delete(stream);
      // Streams that are over outlive several collections of young objects. What hangs on their listeners, all of a call,
      // need not: without this twice as much has to be copied, which is most of what garbage costs.
      stream.removeAllListeners();
      if (session === undefined) return;
      session.openStreams--;
      session.idleSinceMs = performance.now();
    });
  }

  stop(): void {
    clearInterval(this.#clock);
  }

  #check(now: number): void {
    const { requestTimeoutMs, answerTimeoutMs } = this.#limits;
    const youngestMs = now - Math.min(requestTimeoutMs, answerTimeoutMs);
    for (const [stream, state] of this.#streams) {
      if (state.openedMs > youngestMs) break;
      this.#checkStream(stream, state, now);
    }
    for (const [session, state] of this.#sessions) this.#checkSession(session, state, now);
  }

  #checkStream(stream: ServerHttp2Stream, state: StreamState, now: number): void {
    const { requestTimeoutMs, answerTimeoutMs, http2IdleTimeoutMs } = this.#limits;
    if (stream.writableEnded) {
      state.answeredMs ??= now;
      if (now - state.answeredMs >= answerTimeoutMs) reset(stream);
      return;
    }
    const isRequestComplete = stream.endAfterHeaders || stream.readableEnded;
    if (isRequestComplete || now - state.openedMs < requestTimeoutMs) return;
    if (!stream.headersSent) {
      reset(stream);
    } else if (!state.isConversation) {
      // Answered while it goes on: a stream in both directions, which may take its time as long as something happens.
      state.isConversation = true;
      stream.setTimeout(http2IdleTimeoutMs, () => reset(stream));
    }
  }

  #checkSession(session: Http2Session, state: SessionState, now: number): void {
    const { firstBytesTimeoutMs, http2IdleTimeoutMs } = this.#limits;
    if (state.closedMs !== undefined) {
      // Told to go, and still here: a peer that does not hang up.
      if (now - state.closedMs >= firstBytesTimeoutMs) state.socket.destroy();
    } else if (session.pendingSettingsAck && now - state.openedMs >= firstBytesTimeoutMs) {
      state.closedMs = now;
      session.destroy(new Error("settings not acknowledged"), constants.NGHTTP2_SETTINGS_TIMEOUT);
    } else if (state.openStreams === 0 && now - state.idleSinceMs >= http2IdleTimeoutMs) {
      state.closedMs = now;
      session.close();
    }
  }
}

function reset(stream: ServerHttp2Stream): void {
  stream.close(constants.NGHTTP2_CANCEL);
}
