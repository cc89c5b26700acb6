// A relay that writes down every step of every transaction, and stops at any of them for as long as the test wants.
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Where a transaction stands; at each the relay calls `at` and goes on when that resolves. */
export type RelayPoint =
  /** Connected, before the greeting. */
  | "connect"
  /** MAIL FROM came. */
  | "mail"
  /** RCPT TO came. */
  | "recipient"
  /** DATA came, before 354. */
  | "data"
  /** The first bytes of the message came, but not its end. */
  | "body"
  /** The final dot came: the relay has the mail, and has not said so. */
  | "dot"
  /** 250 was written. */
  | "accepted";

export interface Transaction {
  /** Milliseconds since the Unix epoch, of MAIL FROM. */
  readonly startedMs: number;
  recipient: string;
  /** As it came, without the final dot; "" before DATA. */
  message: string;
  /** In angle brackets; "" before DATA. */
  messageId: string;
  /** The code, alone on its line; "" before DATA. */
  code: string;
  /** The final dot came, whatever was answered. */
  isComplete: boolean;
  isAccepted: boolean;
}

export interface RecordingRelayOptions {
  readonly at?: (point: RelayPoint, transaction: Transaction | undefined) => Promise<void> | void;
  /** Default: a free one. */
  readonly port?: number;
}

export class RecordingRelay {
  /** In the order of their MAIL FROM. */
  readonly transactions: Transaction[] = [];
  /** Called at every point; tests may replace it. */
  at: (point: RelayPoint, transaction: Transaction | undefined) => Promise<void> | void;
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #sessions = new Set<Promise<void>>();

  private constructor({ at }: RecordingRelayOptions) {
    this.at = at ?? (() => {});
    this.#server = createServer((socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket)).on("error", () => {});
      const session = this.#serve(socket);
      this.#sessions.add(session);
      void session.finally(() => this.#sessions.delete(session));
    });
  }

  static async start(options: RecordingRelayOptions = {}): Promise<RecordingRelay> {
    const relay = new RecordingRelay(options);
    relay.#server.listen(options.port ?? 0, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** For COUNTERSIGN_SMTP_URL. */
  get url(): string {
    return `smtp://127.0.0.1:${this.port}`;
  }

  get accepted(): readonly Transaction[] {
    return this.transactions.filter(({ isAccepted }) => isAccepted);
  }

  /** Resolves once every client is gone and all that it had written was read. */
  async deserted(): Promise<void> {
    while (this.#sessions.size > 0) await Promise.all(this.#sessions);
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    const closed = once(this.#server, "close");
    this.#server.close();
    await closed;
  }

  async #serve(socket: Socket): Promise<void> {
    const lines = new Lines(socket);
    await this.at("connect", undefined);
    socket.write("220 relay.test ESMTP\r\n");
    let transaction: Transaction | undefined;
    for (let line = await lines.next(); line !== undefined; line = await lines.next()) {
      const verb = line.slice(0, 4).toUpperCase();
      if (verb === "EHLO") {
        socket.write("250-relay.test\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n");
      } else if (verb === "MAIL") {
        transaction = newTransaction();
        this.transactions.push(transaction);
        await this.at("mail", transaction);
        socket.write("250 2.1.0 go on\r\n");
      } else if (verb === "RCPT" && transaction !== undefined) {
        transaction.recipient = /<([^>]*)>/.exec(line)?.[1] ?? "";
        await this.at("recipient", transaction);
        socket.write("250 2.1.5 go on\r\n");
      } else if (verb === "DATA" && transaction !== undefined) {
        await this.at("data", transaction);
        socket.write("354 go on\r\n");
        await this.#receive(socket, lines, transaction);
        transaction = undefined;
      } else if (verb === "QUIT") {
        socket.end("221 2.0.0 bye\r\n");
      } else {
        socket.write("250 2.0.0 fine\r\n");
      }
    }
  }

  async #receive(socket: Socket, lines: Lines, transaction: Transaction): Promise<void> {
    const message: string[] = [];
    let line = await lines.next();
    if (line !== undefined) await this.at("body", transaction);
    for (; line !== undefined && line !== "."; line = await lines.next()) {
      message.push(line.startsWith(".") ? line.slice(1) : line);
    }
    if (line === undefined) return;
    transaction.message = message.join("\r\n");
    transaction.messageId = /^message-id: *(<[^>]*>)/im.exec(transaction.message)?.[1] ?? "";
    transaction.code = /^([A-Z0-9]{6})$/m.exec(transaction.message)?.[1] ?? "";
    transaction.isComplete = true;
    await this.at("dot", transaction);
    // Whoever went away meanwhile was told nothing, and this relay keeps nothing that it promised nobody.
    if (socket.destroyed) return;
    socket.write("250 2.0.0 taken\r\n", () => void this.at("accepted", transaction));
    transaction.isAccepted = true;
  }
}

function newTransaction(): Transaction {
  return {
    startedMs: performance.timeOrigin + performance.now(),
    recipient: "",
    message: "",
    messageId: "",
    code: "",
    isComplete: false,
    isAccepted: false,
  };
}

/** Reads a socket line by line. */
class Lines {
  readonly #lines: string[] = [];
  #rest = "";
  #isOver = false;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    socket.setEncoding("latin1").on("data", (text: string) => {
      const parts = (this.#rest + text).split("\r\n");
      this.#rest = parts.pop() ?? "";
      this.#lines.push(...parts);
      this.#wake();
    });
    socket.on("close", () => {
      this.#isOver = true;
      this.#wake();
    });
  }

  /** @returns undefined at the end */
  async next(): Promise<string | undefined> {
    while (this.#lines.length === 0 && !this.#isOver) {
      await new Promise<void>((resolve) => (this.#wake = resolve));
    }
    return this.#lines.shift();
  }
}
