// A relay for tests: smtp-server on a free port, which records what it was told and answers what the test wants.
import { simpleParser, type ParsedMail } from "mailparser";
import { SMTPServer, type SMTPServerOptions, type SMTPServerSession } from "smtp-server";
import { once } from "node:events";
import { createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { buffer } from "node:stream/consumers";

export interface ReceivedMail {
  readonly raw: string;
  readonly parsed: ParsedMail;
  readonly envelopeFrom: string;
  readonly envelopeTo: readonly string[];
}

export class Refusal extends Error {
  readonly responseCode: number;

  constructor(responseCode: number, text: string) {
    super(text);
    this.responseCode = responseCode;
  }
}

export interface RelayHooks {
  /** Called before the reply to the final dot. @throws Refusal to refuse */
  readonly beforeAccept?: (mail: ReceivedMail) => Promise<void> | void;
  /** @throws Refusal to refuse */
  readonly onRecipient?: (address: string) => void;
  readonly options?: SMTPServerOptions;
}

export class Relay {
  readonly mails: ReceivedMail[] = [];
  readonly recipients: string[] = [];
  /** Of the session that named the last recipient. */
  isEncrypted: boolean | undefined;
  readonly #server: SMTPServer;
  readonly #waiting = new Set<() => void>();

  private constructor({ beforeAccept, onRecipient, options }: RelayHooks) {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS", "AUTH"],
      disableReverseLookup: true,
      closeTimeout: 100,
      ...options,
      onRcptTo: ({ address }, session, callback) => {
        try {
          this.isEncrypted = session.secure;
          this.recipients.push(address);
          onRecipient?.(address);
          callback();
        } catch (error) {
          callback(error as Error);
        }
      },
      onData: (stream, session, callback) => {
        void this.#receive(buffer(stream), session, beforeAccept, callback);
      },
    });
    // A client that drops its connection is part of some tests.
    this.#server.on("error", () => {});
  }

  async #receive(
    bytes: Promise<Buffer>,
    session: SMTPServerSession,
    beforeAccept: RelayHooks["beforeAccept"],
    reply: (error?: Error | null) => void,
  ): Promise<void> {
    try {
      const mail = await received(await bytes, session);
      await beforeAccept?.(mail);
      this.mails.push(mail);
    } catch (error) {
      reply(error as Error);
      return;
    }
    reply();
    for (const look of this.#waiting) look();
  }

  static async start(hooks: RelayHooks = {}, port = 0, host = "127.0.0.1"): Promise<Relay> {
    const relay = new Relay(hooks);
    relay.#server.listen(port, host);
    await once(relay.#server.server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.server.address() as AddressInfo).port;
  }

  /** The newest mail, once there are so many. */
  async mail(count = 1): Promise<ReceivedMail> {
    await new Promise<void>((resolve) => {
      const look = () => {
        if (this.mails.length < count) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
    return this.mails[count - 1] as ReceivedMail;
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }
}

async function received(bytes: Buffer, session: SMTPServerSession): Promise<ReceivedMail> {
  const { mailFrom, rcptTo } = session.envelope;
  return {
    raw: bytes.toString("utf8"),
    parsed: await simpleParser(bytes),
    envelopeFrom: mailFrom === false ? "" : mailFrom.address,
    envelopeTo: rcptTo.map(({ address }) => address),
  };
}

/** What a scripted relay does with a line: a reply, or an end of the connection. */
export type Script = (line: string, socket: Socket) => string | undefined;

/** A relay that says what real ones say on bad days. Lines of a mail's text reach the script too. */
export class ScriptedRelay {
  /** All that clients wrote, line by line. */
  readonly lines: string[] = [];
  /** How many connections were made so far. */
  connections = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting = new Set<() => void>();

  private constructor(script: Script, greeting: Greeting) {
    this.#server = createServer((socket) => {
      this.connections += 1;
      this.#sockets.add(socket);
      socket.on("close", () => this.#sockets.delete(socket));
      socket.on("error", () => {});
      if (typeof greeting === "string") socket.write(`${greeting}\r\n`);
      else greeting(socket);
      let rest = "";
      socket.on("data", (chunk: Buffer) => {
        const lines = (rest + chunk.toString("utf8")).split("\r\n");
        rest = lines.pop() ?? "";
        for (const line of lines) {
          this.lines.push(line);
          const reply = script(line, socket);
          if (reply !== undefined && !socket.destroyed) socket.write(`${reply}\r\n`);
        }
        this.#look();
      });
      this.#look();
    });
  }

  /** @param port a free one by default */
  static async start(
    script: Script,
    greeting: Greeting = "220 relay ESMTP",
    port = 0,
  ): Promise<ScriptedRelay> {
    const relay = new ScriptedRelay(script, greeting);
    relay.#server.listen(port, "127.0.0.1");
    await once(relay.#server, "listening");
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** Resolves once it holds; looked at whenever a client connects or writes. */
  until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  /** How many lines begin so. */
  count(start: string): number {
    return this.lines.filter((line) => line.startsWith(start)).length;
  }

  /** Ends the connections there are, and waits until the clients know. */
  async hangUp(farewell = ""): Promise<void> {
    const closed = [...this.#sockets].map((socket) => once(socket, "close"));
    for (const socket of this.#sockets) socket.end(farewell);
    await Promise.all(closed);
  }

  async stop(): Promise<void> {
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await once(this.#server, "close");
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }
}

/** What a relay does first: a line, or whatever a function writes. */
export type Greeting = string | ((socket: Socket) => void);

/** Answers as a friendly relay does; overrides are looked up by the beginning of the line. */
export function friendly(
  overrides: Readonly<Record<string, string | ((socket: Socket) => void)>> = {},
): Script {
  const inData = new WeakSet<Socket>();
  return (line, socket) => {
    if (inData.has(socket) && line !== ".") return undefined;
    inData.delete(socket);
    const key = Object.keys(overrides).find((start) => line.startsWith(start));
    const override = key === undefined ? undefined : overrides[key];
    if (typeof override === "function") {
      override(socket);
      return undefined;
    }
    if (override !== undefined) return override;
    if (line === "DATA") {
      inData.add(socket);
      return "354 go on";
    }
    return line === "QUIT" ? "221 bye" : "250 fine";
  };
}
