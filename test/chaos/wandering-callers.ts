/**
 * Callers who turn to any instance that serves, each call to another: they create users, have codes sent and mailed,
 * verify with what they were given or mailed, and read. A call without an answer is left as that; the next one goes on.
 */
import { Code, ConnectError, createClient, type CallOptions, type Client } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { setTimeout as sleep } from "node:timers/promises";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import type { Call, IssuedCode, Ledger, Note } from "../crash/ledger.ts";
import { thisMoment, type Moment } from "../crash/mail/moment.ts";
import type { Random } from "../support/random.ts";
import type { Instance } from "./instance.ts";

const CALLERS_PER_CONNECTION = 16;
/** What a caller of such a service sets. */
export const CALL_TIMEOUT_MS = 10_000;
/** Beyond the deadline: who is still not answered then hangs. */
const HANGING_MS = CALL_TIMEOUT_MS + 2_000;
const PAUSE_AFTER_NO_ANSWER_MS = 50;
const USERS_EACH = 4;
const SHARED_USERS = 8;
/** Neither O nor 1 is ever drawn. */
const WRONG_CODE = "WRONG1";
/** What may happen where many work on one user, or where a call without an answer was executed. */
const REFUSALS = [
  "CODE_INVALID",
  "CODE_SUPERSEDED",
  "CODE_ALREADY_USED",
  "NO_CODE",
  "CODE_USED_UP",
  "USER_ALREADY_EXISTS",
];
/** What a service says that cannot reach its database, or that ends. */
const NO_ANSWERS = [Code.Unavailable, Code.DeadlineExceeded, Code.Canceled, Code.Aborted, Code.Internal];

export interface WanderingCallersOptions {
  readonly instances: readonly Instance[];
  readonly token: string;
  readonly ledger: Ledger;
  readonly random: Random;
  readonly count: number;
  /** The code of the newest mail that the relay took for this user; undefined when there is none. */
  readonly newestMailedCode: (userId: string) => string | undefined;
}

interface Counts {
  answered: number;
  /** UNAVAILABLE with RetryInfo, or a connection that broke. */
  withoutAnswer: number;
}

interface KnownUser {
  readonly userId: string;
  isThere: boolean;
  addresses: number;
  code?: IssuedCode;
  readonly submitted: Set<string>;
}

export class WanderingCallers {
  readonly counts: Counts = { answered: 0, withoutAnswer: 0 };
  /** When accepting answers came. */
  readonly answers = new Map<Note, Moment>();
  /** How long each answered call took. */
  readonly durationsMs: number[] = [];
  readonly #options: WanderingCallersOptions;
  readonly #shared = Array.from({ length: SHARED_USERS }, (_, index) => newUser(`shared-${index}`));
  readonly #clients = new Map<string, Client<typeof UserService>>();
  readonly #sessions: Http2SessionManager[] = [];
  #isOver = false;

  constructor(options: WanderingCallersOptions) {
    this.#options = options;
  }

  /** Calls until `isOver` says so. @throws Error for an answer that should not be, and for a call that hangs */
  async work(isOver: AbortSignal): Promise<void> {
    isOver.addEventListener("abort", () => (this.#isOver = true));
    try {
      await Promise.all(Array.from({ length: this.#options.count }, (_, caller) => this.#shift(caller)));
    } finally {
      for (const session of this.#sessions) session.abort();
    }
  }

  async #shift(caller: number): Promise<void> {
    const { random } = this.#options;
    const own = Array.from({ length: USERS_EACH }, (_, index) => newUser(`own-${caller}-${index}`));
    while (!this.#isOver) {
      const user = random.pick(random.chance(0.9) ? own : this.#shared);
      const isAnswered = await this.#step(caller, user);
      if (!isAnswered) await sleep(PAUSE_AFTER_NO_ANSWER_MS);
    }
  }

  /** @returns whether there was an answer */
  async #step(caller: number, user: KnownUser): Promise<boolean> {
    const { userId } = user;
    const choice = this.#options.random.next();
    const mailed = this.#options.newestMailedCode(userId);
    if (!user.isThere) return await this.#create(caller, user);
    if (choice < 0.3) {
      return await this.#call(caller, { name: "mailCode", userId }, async (client, options) => {
        const { details } = await client.sendEmailCode({ userId }, options);
        return Number(details?.sequence);
      });
    }
    if (choice < 0.5) return await this.#sendCode(caller, user);
    if (choice < 0.6) return await this.#setEmail(caller, user);
    if (choice < 0.65) return await this.#verify(caller, user, WRONG_CODE);
    if (choice < 0.8 && mailed !== undefined && !user.submitted.has(mailed)) {
      user.submitted.add(mailed);
      return await this.#verify(caller, user, mailed);
    }
    if (choice < 0.9 && user.code !== undefined)
      return await this.#verify(caller, user, user.code.code, user.code);
    return await this.#call(caller, { name: "read", userId }, async (client, options) => {
      const { details } = await client.getUserByID({ userId }, options);
      return Number(details?.sequence);
    });
  }

  async #create(caller: number, user: KnownUser): Promise<boolean> {
    const { userId } = user;
    const address = newAddress(user, caller);
    const isAnswered = await this.#call(
      caller,
      { name: "create", userId, address },
      async (client, options) => {
        const profile = { givenName: "Ada", familyName: "Lovelace" };
        const { details } = await client.addHumanUser(
          { userId, profile, email: { email: address } },
          options,
        );
        return Number(details?.sequence);
      },
    );
    // Also where it was refused: it is there already.
    if (isAnswered) user.isThere = true;
    return isAnswered;
  }

  #sendCode(caller: number, user: KnownUser): Promise<boolean> {
    const { userId } = user;
    return this.#call(caller, { name: "sendCode", userId }, async (client, options) => {
      const request = { userId, verification: { case: "returnCode", value: {} } } as const;
      const { details, verificationCode } = await client.sendEmailCode(request, options);
      if (verificationCode === undefined) throw new Error(`no code came back for ${userId}`);
      user.code = { userId, code: verificationCode, sequence: Number(details?.sequence) };
      return user.code.sequence;
    });
  }

  #setEmail(caller: number, user: KnownUser): Promise<boolean> {
    const { userId } = user;
    const address = newAddress(user, caller);
    return this.#call(caller, { name: "setEmail", userId, address }, async (client, options) => {
      const { details } = await client.setEmail({ userId, email: address }, options);
      return Number(details?.sequence);
    });
  }

  #verify(
    caller: number,
    { userId }: KnownUser,
    verificationCode: string,
    submitted?: IssuedCode,
  ): Promise<boolean> {
    const call: Call = { name: "verify", userId, ...(submitted !== undefined && { submitted }) };
    return this.#call(caller, call, async (client, options) => {
      const { details } = await client.verifyEmail({ userId, verificationCode }, options);
      return Number(details?.sequence);
    });
  }

  /** @returns whether there was an answer */
  async #call(
    caller: number,
    call: Call,
    run: (client: Client<typeof UserService>, options: CallOptions) => Promise<number>,
  ): Promise<boolean> {
    const { ledger, token, instances, random } = this.#options;
    const serving = instances.flatMap(({ url }) => (url === undefined ? [] : [url]));
    if (serving.length === 0) return false;
    const client = this.#clientOf(random.pick(serving), caller % CALLERS_PER_CONNECTION);
    const note = ledger.start(call);
    const beganMs = performance.now();
    try {
      const options = { headers: { authorization: `Bearer ${token}` }, timeoutMs: CALL_TIMEOUT_MS };
      const sequence = await run(client, options);
      this.answers.set(note, thisMoment());
      ledger.accepted(note, sequence);
    } catch (cause) {
      const error = ConnectError.from(cause);
      const reason = error.findDetails(ErrorInfoSchema)[0]?.reason;
      const what = `${call.name} on ${call.userId}`;
      if (reason === undefined || !REFUSALS.includes(reason)) {
        if (!NO_ANSWERS.includes(error.code) || (error.code === Code.Internal && reason !== undefined))
          throw new Error(`${what} was refused: ${error.message}`, { cause });
        if (performance.now() - beganMs > HANGING_MS) throw new Error(`${what} hung`, { cause });
        this.counts.withoutAnswer += 1;
        return false;
      }
      ledger.refused(note, reason);
    }
    this.durationsMs.push(performance.now() - beganMs);
    this.counts.answered += 1;
    return true;
  }

  #clientOf(url: string, connection: number): Client<typeof UserService> {
    const key = `${url} ${connection}`;
    const known = this.#clients.get(key);
    if (known !== undefined) return known;
    const sessionManager = new Http2SessionManager(url);
    this.#sessions.push(sessionManager);
    const client = createClient(UserService, createGrpcTransport({ baseUrl: url, sessionManager }));
    this.#clients.set(key, client);
    return client;
  }
}

function newUser(userId: string): KnownUser {
  return { userId, isThere: false, addresses: 0, submitted: new Set() };
}

function newAddress(user: KnownUser, caller: number): string {
  return `${user.userId}.${caller}.${++user.addresses}@example.org`;
}
