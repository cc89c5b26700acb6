/** Tells HTTP/2 with prior knowledge (RFC 9113 section 3.3) from everything else by a connection's first bytes. */
import type { Socket } from "node:net";

const PREFACE = Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "latin1");

export class ProtocolSniffer {
  readonly #undecided = new Set<Socket>();
  readonly #timeoutMs: number;

  /** @param timeoutMs a connection that has not shown what it is by then is dropped */
  constructor(timeoutMs: number) {
    this.#timeoutMs = timeoutMs;
  }

  /** Calls back once, with the socket as it was; or never, when the connection ends before. */
  sniff(socket: Socket, decided: (isHttp2: boolean) => void): void {
    let seen: Buffer = Buffer.alloc(0);
    const drop = () => socket.destroy();
    const timer = setTimeout(drop, this.#timeoutMs);
    const settle = () => {
      clearTimeout(timer);
      this.#undecided.delete(socket);
      socket.off("readable", read).off("error", drop).off("end", drop).off("close", settle);
    };
    const read = () => {
      const chunk = socket.read() as Buffer | null;
      if (chunk === null) return;
      seen = seen.length === 0 ? chunk : Buffer.concat([seen, chunk]);
      const length = Math.min(seen.length, PREFACE.length);
      const couldBeHttp2 = seen.subarray(0, length).equals(PREFACE.subarray(0, length));
      if (couldBeHttp2 && length < PREFACE.length) return;
      settle();
      socket.unshift(seen);
      decided(couldBeHttp2);
    };
    this.#undecided.add(socket);
    socket.on("readable", read).on("error", drop).on("end", drop).on("close", settle);
  }

  /** Drops the connections that have not said anything: nobody waits for an answer on them. */
  dropUndecided(): void {
    for (const socket of this.#undecided) socket.destroy();
  }
}
