/**
 * One connection to a relay, and the mails that it carries one after the other.
 *
 * new      Nothing was connected yet. open() connects, and brings the session to the point where MAIL FROM is next:
 *          greeting, EHLO, TLS, login.
 * open     Idle, or with one mail on its way. A relay may end an idle session at any time; that is no fault.
 * over     The connection is closed, or closing. Entered from everywhere; every fault ends the session.
 *
 * Each step has its limit of time: see time-limits.ts. STARTTLS is used wherever a relay offers it, and must then succeed
 * with a certificate that the system trusts.
 */
import SMTPConnection from "nodemailer/lib/smtp-connection";
import { connect, type Socket } from "node:net";
import { Conversation } from "./conversation.ts";
import type { Parcel } from "./parcel.ts";
import { needsStartTls, type SmtpRelay } from "./smtp-relay.ts";
import { limitOf, StepTimeout, type SmtpTimeLimits, type Step } from "./time-limits.ts";

/** nodemailer has limits of its own; those of this module come first. */
const BEYOND_OUR_LIMITS_MS = 3_600_000;
/** An address that does not answer leaves the relay's other addresses their share of the time. */
const ADDRESS_PATIENCE_MS = 2_000;
/** How long a relay may take to say good-bye. */
const FAREWELL_MS = 500;

/** Why a mail was not handed over. The cause is nodemailer's error, or a StepTimeout. */
export class DeliveryFault extends Error {
  /** MAIL FROM was answered with nothing, or with "421 closing": the session had ended before. */
  readonly isBeforeMail: boolean;
  /** The whole mail was written and no reply came. */
  readonly isOutcomeUnknown: boolean;

  constructor(cause: unknown, facts: { readonly isBeforeMail: boolean; readonly isOutcomeUnknown: boolean }) {
    super("the mail was not handed over", { cause });
    this.isBeforeMail = facts.isBeforeMail;
    this.isOutcomeUnknown = facts.isOutcomeUnknown;
  }
}

interface Operation {
  readonly untilMs: number;
  readonly mailAnswered: () => void;
  readonly fail: (error: unknown) => void;
}

/** What of nodemailer's errors is read here. */
interface ReplyError {
  readonly responseCode?: unknown;
  readonly command?: unknown;
}

export class SmtpSession {
  readonly #relay: SmtpRelay;
  readonly #limits: SmtpTimeLimits;
  readonly #conversation = new Conversation((step) => this.#watch(step));
  readonly #over = Promise.withResolvers<void>();
  #state: "new" | "open" | "over" = "new";
  #socket: Socket | undefined;
  #connection: SMTPConnection | undefined;
  #operation: Operation | undefined;
  #timer: NodeJS.Timeout | undefined;
  /** The step that was entered last. */
  #watched: Step = "idle";

  constructor(relay: SmtpRelay, limits: SmtpTimeLimits) {
    this.#relay = relay;
    this.#limits = limits;
  }

  get isNew(): boolean {
    return this.#state === "new" && this.#socket === undefined;
  }

  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** Resolves once the session is over, however it ended. */
  get over(): Promise<void> {
    return this.#over.promise;
  }

  /** RFC 6531: the relay takes addresses with non-ASCII local parts. */
  get offersSmtpUtf8(): boolean {
    return this.#conversation.offers("SMTPUTF8");
  }

  /**
   * @param untilMs end of all steps, on the clock of performance.now()
   * @throws Error of nodemailer or Node, or a StepTimeout; the session is over then
   */
  open(untilMs: number): Promise<void> {
    if (this.#state !== "new") return Promise.reject(givenUp());
    return this.#run<void>({ untilMs, toError: asIs }, (resolve, fail) => {
      const ready = () => {
        this.#state = "open";
        this.#conversation.enter("idle");
        resolve();
      };
      this.#connect((socket) => this.#greet(socket, ready, fail), fail);
    });
  }

  /**
   * Hands one mail over. MAIL FROM is written before this returns.
   *
   * @param untilMs end of all steps but the reply to the final dot, on the clock of performance.now()
   * @param mailAnswered is called when MAIL FROM was answered, with whatever
   * @returns the relay's reply, such as `250 2.0.0 queued`
   * @throws DeliveryFault; the session is over then
   */
  deliver(
    { sender, recipient, bytes }: Parcel,
    untilMs: number,
    mailAnswered: () => void = () => {},
  ): Promise<string> {
    const repliesBefore = this.#conversation.replies;
    const dotsBefore = this.#conversation.finalDots;
    const toError = (cause: unknown) =>
      new DeliveryFault(cause, {
        isBeforeMail: this.#conversation.replies === repliesBefore || isClosingAtMail(cause),
        isOutcomeUnknown: this.#conversation.finalDots > dotsBefore && !isRefusal(cause),
      });
    return this.#run<string>({ untilMs, toError, mailAnswered }, (resolve, fail) => {
      const envelope = { from: { address: sender }, to: [{ address: recipient }] };
      if (this.#connection === undefined) fail(givenUp());
      else {
        this.#connection.send(envelope, bytes, (error, info) => {
          if (info === undefined) fail(error);
          else resolve(info.response);
        });
      }
    });
  }

  /** Says good-bye to the relay, if the session stands where it can, and closes the connection. */
  quit(): void {
    if (this.#state !== "open" || this.#conversation.step !== "idle") {
      this.abort();
      return;
    }
    this.#state = "over";
    this.#timer = setTimeout(() => this.abort(), FAREWELL_MS);
    this.#connection?.quit();
  }

  /** Closes the connection at once. What was under way fails with the reason. */
  abort(reason: Error = givenUp()): void {
    this.#operation?.fail(reason);
    this.#stopTimer();
    this.#state = "over";
    this.#connection?.close();
    this.#socket?.destroy();
    this.#over.resolve();
  }

  #connect(connected: (socket: Socket) => void, fail: (error: unknown) => void): void {
    const { host, port, secure } = this.#relay;
    this.#conversation.enter("connect");
    const socket = connect({
      host,
      port,
      autoSelectFamily: true,
      autoSelectFamilyAttemptTimeout: ADDRESS_PATIENCE_MS,
    });
    this.#socket = socket;
    const refused = (error: Error) => fail(connectProblem(error));
    socket.once("error", refused);
    socket.once("connect", () => {
      this.#conversation.enter(secure ? "tls" : "greeting");
      connected(socket);
      // Only now: nodemailer listens.
      socket.off("error", refused);
    });
  }

  #greet(socket: Socket, ready: () => void, fail: (error: unknown) => void): void {
    const { host, port, secure, user, password } = this.#relay;
    const connection = new SMTPConnection({
      host,
      port,
      secure,
      connection: socket,
      requireTLS: needsStartTls(this.#relay),
      tls: { minVersion: "TLSv1.2" },
      connectionTimeout: BEYOND_OUR_LIMITS_MS,
      greetingTimeout: BEYOND_OUR_LIMITS_MS,
      socketTimeout: BEYOND_OUR_LIMITS_MS,
      socketCloseTimeout: FAREWELL_MS,
      transactionLog: true,
      logger: this.#conversation.log,
    });
    this.#connection = connection;
    connection.on("error", (error: Error) => this.#operation?.fail(error));
    connection.once("end", () => {
      this.#state = "over";
      // Whoever closed the connection may be about to say why.
      setImmediate(() => this.abort(closedByRelay()));
    });
    connection.connect((error) => {
      if (error !== undefined) fail(error);
      else if (user === undefined || !connection.allowsAuth) ready();
      else {
        this.#conversation.startLogin();
        connection.login({ user, pass: password ?? "" }, (problem) => {
          this.#conversation.endLogin();
          if (problem === null) ready();
          else fail(problem);
        });
      }
    });
  }

  /** The first outcome counts; a failure ends the session. */
  #run<T>(
    {
      untilMs,
      toError,
      mailAnswered = () => {},
    }: {
      readonly untilMs: number;
      readonly toError: (error: unknown) => Error;
      readonly mailAnswered?: () => void;
    },
    start: (resolve: (value: T) => void, fail: (error: unknown) => void) => void,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const settle = (): boolean => {
        if (this.#operation !== operation) return false;
        this.#operation = undefined;
        this.#stopTimer();
        return true;
      };
      const fail = (error: unknown) => {
        if (!settle()) return;
        reject(toError(error));
        this.quit();
      };
      const operation: Operation = { untilMs, mailAnswered, fail };
      this.#operation = operation;
      start((value) => {
        if (settle()) resolve(value);
      }, fail);
    });
  }

  #watch(step: Step): void {
    if (this.#watched === "mail") this.#operation?.mailAnswered();
    this.#watched = step;
    // Between two commands nothing is waited for: the limit of the step before stays.
    if (this.#operation === undefined || step === "idle") return;
    this.#stopTimer();
    const limitMs = limitOf(step, this.#limits, this.#operation.untilMs, performance.now());
    const timer = setTimeout(() => {
      // After a pause of the whole process the reply may be there, and it is read before this.
      setImmediate(() => {
        if (this.#timer === timer) this.abort(new StepTimeout(step, limitMs));
      });
    }, limitMs);
    this.#timer = timer;
  }

  #stopTimer(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}

function asIs(error: unknown): Error {
  return error as Error;
}

function givenUp(): Error {
  return Object.assign(new Error("the session was given up"), { code: "EABORT" });
}

function closedByRelay(): Error {
  return Object.assign(new Error("the relay closed the connection"), {
    code: "ECONNECTION",
    command: "CONN",
  });
}

/** With codes as nodemailer gives them. */
function connectProblem(error: Error): Error {
  const { code: originalCode, syscall } = error as NodeJS.ErrnoException;
  const code = syscall === "getaddrinfo" ? "EDNS" : "ESOCKET";
  return Object.assign(new Error("no connection", { cause: error }), { code, originalCode, command: "CONN" });
}

function isRefusal(cause: unknown): boolean {
  const { responseCode } = (cause ?? {}) as ReplyError;
  return typeof responseCode === "number" && responseCode >= 400;
}

function isClosingAtMail(cause: unknown): boolean {
  const { responseCode, command } = (cause ?? {}) as ReplyError;
  return responseCode === 421 && command === "MAIL FROM";
}
