// An SMTP server on a free port that takes every mail and keeps it.
import { simpleParser, type ParsedMail } from "mailparser";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { buffer } from "node:stream/consumers";
import { SMTPServer } from "smtp-server";

const PATIENCE_MS = 10_000;

export interface RecordedMail {
  readonly recipients: readonly string[];
  readonly parsed: ParsedMail;
  /** The code, as a reader finds it: alone on its line. */
  readonly code: string;
  /** The link below the code. */
  readonly link: URL;
}

export class SmtpRecorder {
  readonly #server: SMTPServer;
  readonly #mails: RecordedMail[] = [];
  readonly #taken = new Set<RecordedMail>();
  readonly #watchers = new Set<() => void>();

  private constructor() {
    this.#server = new SMTPServer({
      authOptional: true,
      disabledCommands: ["STARTTLS", "AUTH"],
      disableReverseLookup: true,
      closeTimeout: 100,
      onData: (stream, session, callback) => {
        const recipients = session.envelope.rcptTo.map(({ address }) => address);
        void this.#take(stream, recipients, callback);
      },
    });
  }

  static async start(): Promise<SmtpRecorder> {
    const recorder = new SmtpRecorder();
    recorder.#server.listen(0, "127.0.0.1");
    await once(recorder.#server.server, "listening");
    return recorder;
  }

  /** For COUNTERSIGN_SMTP_URL. */
  get url(): string {
    const { port } = this.#server.server.address() as AddressInfo;
    return `smtp://127.0.0.1:${port}`;
  }

  get mails(): readonly RecordedMail[] {
    return this.#mails;
  }

  /** @returns the oldest mail to the address that was not returned before, once there is one */
  waitForMail(to: string): Promise<RecordedMail> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const mail = this.#mails.find((each) => each.recipients.includes(to) && !this.#taken.has(each));
        if (mail === undefined) return;
        this.#taken.add(mail);
        settle();
        resolve(mail);
      };
      const settle = () => {
        clearTimeout(timer);
        this.#watchers.delete(look);
      };
      const timer = setTimeout(() => {
        settle();
        reject(new Error(`no further mail to ${to} within ${PATIENCE_MS} ms`));
      }, PATIENCE_MS);
      this.#watchers.add(look);
      look();
    });
  }

  stop(): Promise<void> {
    return new Promise((resolve) => this.#server.close(() => resolve()));
  }

  async #take(
    stream: NodeJS.ReadableStream,
    recipients: readonly string[],
    answer: (problem?: Error) => void,
  ): Promise<void> {
    const parsed = await simpleParser(await buffer(stream));
    const lines = (parsed.text ?? "").split("\n").map((line) => line.trim());
    const code = lines.find((line) => /^[A-Z0-9]{6}$/.test(line));
    const link = lines.find((line) => /^[a-z][a-z0-9+.-]*:\/\//.test(line));
    if (code === undefined || link === undefined) {
      answer(new Error(`no code or no link in: ${parsed.text}`));
      return;
    }
    this.#mails.push({ recipients, parsed, code, link: new URL(link) });
    answer();
    for (const look of this.#watchers) look();
  }
}
