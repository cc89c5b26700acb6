/**
 * Where an SMTP session stands, read from nodemailer's transaction log.
 *
 * nodemailer reports a send as a whole. But limits of time differ by step, and whether the final dot was written decides
 * what a failure means. Its log tells every command and every reply (with secrets masked) as they cross the wire, and
 * the end of a mail:
 *
 *     { tnx: "network" } with a remote port   connected, and TLS is up where it comes first
 *     { tnx: "client" }                       a command, or a line of a login
 *     { tnx: "server" }                       one whole reply, its lines joined by \n
 *     { tnx: "message" }                      the mail's last byte was written, the final dot with it
 *
 * Replies come in the order of commands. With pipelining (RFC 2920) several commands are out at once: the session waits
 * for the reply to the oldest.
 */
import type { Step } from "./time-limits.ts";

type Command = "EHLO" | "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "final dot" | "other";

interface LogEntry {
  readonly tnx?: string;
  readonly remotePort?: number;
}

const STEP_OF: Readonly<Record<Command, Step>> = {
  EHLO: "hello",
  STARTTLS: "startTls",
  AUTH: "auth",
  MAIL: "mail",
  RCPT: "rcpt",
  DATA: "data",
  "final dot": "finalReply",
  // The dot after an empty mail with which nodemailer ends a DATA that a relay should have refused; RSET.
  other: "data",
};

export class Conversation {
  /** For the options `logger` and `transactionLog` of a connection. */
  readonly log: { readonly [level: string]: (entry: LogEntry, message?: unknown) => void };
  readonly #onStep: (step: Step) => void;
  readonly #unanswered: Command[] = [];
  /** While no command is out. */
  #between: Step = "idle";
  #isLoggingIn = false;
  #step: Step = "idle";
  #ehloReply = "";
  #replies = 0;
  #finalDots = 0;

  /** @param onStep is told every change of the step */
  constructor(onStep: (step: Step) => void) {
    this.#onStep = onStep;
    const read = (entry: LogEntry, message?: unknown) => this.#read(entry, message);
    this.log = { trace: read, debug: read, info: read, warn: read, error: read, fatal: read };
  }

  get step(): Step {
    return this.#step;
  }

  /** How many replies came so far. */
  get replies(): number {
    return this.#replies;
  }

  /** How many mails were written to their end so far. */
  get finalDots(): number {
    return this.#finalDots;
  }

  /** Whether the last EHLO was answered with the keyword (RFC 5321 section 4.1.1.1). */
  offers(keyword: string): boolean {
    const [, ...lines] = this.#ehloReply.split("\n");
    return lines.some((line) => line.slice(4).split(" ", 1)[0]?.trim().toUpperCase() === keyword);
  }

  /** What the log does not tell. */
  enter(step: "connect" | "tls" | "greeting" | "idle"): void {
    this.#between = step;
    this.#update();
  }

  startLogin(): void {
    this.#isLoggingIn = true;
    this.#update();
  }

  endLogin(): void {
    this.#isLoggingIn = false;
    this.#update();
  }

  #read({ tnx, remotePort }: LogEntry, message: unknown): void {
    if (tnx === "client") this.#unanswered.push(commandOf(String(message)));
    else if (tnx === "server") this.#readReply(String(message));
    else if (tnx === "message") this.#readEndOfMail();
    else if (tnx === "network" && remotePort !== undefined) this.#between = "greeting";
    else return;
    this.#update();
  }

  #readReply(reply: string): void {
    this.#replies += 1;
    const command = this.#unanswered.shift();
    this.#between = "idle";
    if (command === "EHLO") this.#ehloReply = reply.startsWith("2") ? reply : "";
    else if (command === "STARTTLS" && reply.startsWith("2")) this.#between = "tls";
    else if (command === "DATA" && /^[23]/.test(reply)) this.#between = "body";
  }

  #readEndOfMail(): void {
    this.#finalDots += 1;
    // A relay may refuse the mail before its end: that was the reply.
    if (this.#between === "body") this.#unanswered.push("final dot");
    this.#between = "idle";
  }

  #update(): void {
    const [command] = this.#unanswered;
    const step = this.#isLoggingIn ? "auth" : command === undefined ? this.#between : STEP_OF[command];
    if (step === this.#step) return;
    this.#step = step;
    this.#onStep(step);
  }
}

function commandOf(line: string): Command {
  const verb = line.split(" ", 1)[0]?.toUpperCase() ?? "";
  if (verb === "EHLO" || verb === "HELO") return "EHLO";
  return verb === "STARTTLS" || verb === "MAIL" || verb === "RCPT" || verb === "DATA" || verb === "AUTH"
    ? verb
    : "other";
}
