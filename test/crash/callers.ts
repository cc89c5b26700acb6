// Callers that create users, have codes sent and verify them, over gRPC, until the server is gone.
import { Code, ConnectError, createClient, type CallOptions, type Client } from "@connectrpc/connect";
import { createGrpcTransport, Http2SessionManager } from "@connectrpc/connect-node";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb.ts";
import type { Details } from "../../gen/zitadel/object/v2/object_pb.ts";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { EXPECTED_REFUSALS } from "./expected-refusals.ts";
import type { Call, IssuedCode, Ledger } from "./ledger.ts";
import { Random } from "../support/random.ts";

const CALLERS_PER_CONNECTION = 8;
/** Longer than any call takes; a call that hangs is to be seen as such. */
const CALL_TIMEOUT_MS = 15_000;
/** Neither O nor 1 is ever drawn. */
const WRONG_CODE = "WRONG1";
const RETURN_CODE = { case: "returnCode", value: {} } as const;

/** Users that all callers work on, over all rounds, and the code last seen for each. */
export class SharedUsers {
  readonly ids: readonly string[];
  readonly codes = new Map<string, IssuedCode>();

  constructor(count: number) {
    this.ids = Array.from({ length: count }, (_, index) => `shared-${index}`);
  }
}

export interface CallersOptions {
  readonly url: string;
  readonly token: string;
  readonly ledger: Ledger;
  readonly shared: SharedUsers;
  readonly count: number;
  /** Part of the ids of users and addresses, so that no two runs of callers get in each other's way. */
  readonly run: string;
  readonly seed: number;
  /** So many answers may come, then the server is ended; what is answered after that counts as well. */
  readonly endAfter: number;
  readonly endServer: () => void;
}

/** The server is gone, and a call without its answer. */
class Gone extends Error {}

/** @throws Error for an answer that is not what it should be, and for a call without one from a living server */
export async function callUntilGone(options: CallersOptions): Promise<void> {
  const { url, token, count, seed } = options;
  const shift = new Shift(options);
  const sessions = Array.from(
    { length: Math.ceil(count / CALLERS_PER_CONNECTION) },
    () => new Http2SessionManager(url),
  );
  const clients = sessions.map((sessionManager) =>
    createClient(UserService, createGrpcTransport({ baseUrl: url, sessionManager })),
  );
  const headers = { authorization: `Bearer ${token}` };
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      const client = clients[index % clients.length];
      if (client === undefined) return;
      const random = new Random(seed * 1_000 + index);
      await new Caller({
        ...options,
        client,
        headers,
        shift,
        random,
        name: `${options.run}-${index}`,
      }).work();
    }),
  );
  for (const session of sessions) session.abort();
  if (shift.fault !== undefined) throw shift.fault;
}

/** What the callers of one run have in common. */
class Shift {
  readonly #options: CallersOptions;
  #answers = 0;
  #isOver = false;
  fault: Error | undefined;

  constructor(options: CallersOptions) {
    this.#options = options;
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  answered(): void {
    this.#answers += 1;
    if (this.#answers === this.#options.endAfter) this.end();
  }

  end(fault?: Error): void {
    this.fault ??= fault;
    if (this.#isOver) return;
    this.#isOver = true;
    this.#options.endServer();
  }
}

interface CallerOptions extends CallersOptions {
  readonly client: Client<typeof UserService>;
  readonly headers: Record<string, string>;
  readonly shift: Shift;
  readonly random: Random;
  readonly name: string;
}

interface Sequenced {
  readonly sequence: number;
}

type Answer<Reply> =
  | { readonly ok: true; readonly reply: Reply }
  | { readonly ok: false; readonly refusal: string };

class Caller {
  readonly #options: CallerOptions;
  readonly #client: Client<typeof UserService>;
  #made = 0;

  constructor(options: CallerOptions) {
    this.#options = options;
    this.#client = options.client;
  }

  /** Never rejects. */
  async work(): Promise<void> {
    const { shift, random } = this.#options;
    try {
      for (;;) {
        if (random.chance(0.25)) await this.#lifeOfOwnUser();
        else await this.#stepOnSharedUser();
      }
    } catch (error) {
      if (error instanceof Gone) return;
      shift.end(error instanceof Error ? error : new Error(String(error)));
    }
  }

  /** Nobody else works on this user, so every answer is known beforehand. */
  async #lifeOfOwnUser(): Promise<void> {
    const userId = `own-${this.#options.name}-${++this.#made}`;
    const first = accepted(await this.#create(userId), 2);
    refused(await this.#verify(userId, WRONG_CODE), "CODE_INVALID");
    accepted(await this.#verify(userId, first.code, first), 4);
    accepted(await this.#verify(userId, first.code, first), 4);
    const second = accepted(await this.#sendCode(userId), 5);
    refused(await this.#verify(userId, first.code, first), "CODE_ALREADY_USED");
    accepted(await this.#verify(userId, second.code, second, "anonymous"), 7);
    // Without a code that works a wrong try is no event.
    refused(await this.#verify(userId, WRONG_CODE), "NO_CODE");
    const third = accepted(await this.#setEmail(userId), 9);
    refused(await this.#verify(userId, second.code, second), "CODE_ALREADY_USED");
    accepted(await this.#verify(userId, third.code, third), 11);
    accepted(await this.#read(userId), 11);
  }

  async #stepOnSharedUser(): Promise<void> {
    const { shared, random } = this.#options;
    const userId = random.pick(shared.ids);
    const known = shared.codes.get(userId);
    const choice = random.next();
    if (known === undefined) await this.#createShared(userId);
    else if (choice < 0.2) this.#remember(await this.#sendCode(userId));
    else if (choice < 0.35) this.#remember(await this.#setEmail(userId));
    else if (choice < 0.45) await this.#mailCode(userId);
    else if (choice < 0.8) await this.#verify(userId, known.code, known);
    else if (choice < 0.9) await this.#verify(userId, WRONG_CODE);
    else await this.#read(userId);
  }

  /** Another caller may be first, and so may a call that got no answer. */
  async #createShared(userId: string): Promise<void> {
    const created = await this.#create(userId);
    this.#remember(created.ok ? created : await this.#sendCode(userId));
  }

  #remember(answer: Answer<IssuedCode>): void {
    if (answer.ok) this.#options.shared.codes.set(answer.reply.userId, answer.reply);
  }

  #create(userId: string): Promise<Answer<IssuedCode>> {
    const address = this.#newAddress();
    return this.#call({ name: "create", userId, address }, async (options) => {
      const reply = await this.#client.addHumanUser(
        {
          userId,
          profile: { givenName: "Ada", familyName: "Lovelace" },
          email: { email: address, verification: RETURN_CODE },
        },
        options,
      );
      return withCode(userId, reply.details, reply.emailCode);
    });
  }

  #sendCode(userId: string): Promise<Answer<IssuedCode>> {
    return this.#call({ name: "sendCode", userId }, async (options) => {
      const reply = await this.#client.sendEmailCode({ userId, verification: RETURN_CODE }, options);
      return withCode(userId, reply.details, reply.verificationCode);
    });
  }

  #mailCode(userId: string): Promise<Answer<Sequenced>> {
    return this.#call({ name: "mailCode", userId }, async (options) => {
      const { details } = await this.#client.sendEmailCode({ userId }, options);
      return { sequence: Number(details?.sequence) };
    });
  }

  #setEmail(userId: string): Promise<Answer<IssuedCode>> {
    const address = this.#newAddress();
    return this.#call({ name: "setEmail", userId, address }, async (options) => {
      const reply = await this.#client.setEmail(
        { userId, email: address, verification: RETURN_CODE },
        options,
      );
      return withCode(userId, reply.details, reply.verificationCode);
    });
  }

  /** @param submitted where the code came from, if it was ever issued */
  #verify(
    userId: string,
    verificationCode: string,
    submitted?: IssuedCode,
    caller: "admin" | "anonymous" = "admin",
  ): Promise<Answer<Sequenced>> {
    const call: Call = { name: "verify", userId, ...(submitted !== undefined && { submitted }) };
    return this.#call(call, async (options) => {
      const as = caller === "admin" ? options : { ...options, headers: {} };
      const { details } = await this.#client.verifyEmail({ userId, verificationCode }, as);
      return { sequence: Number(details?.sequence) };
    });
  }

  #read(userId: string): Promise<Answer<Sequenced>> {
    return this.#call({ name: "read", userId }, async (options) => {
      const { details } = await this.#client.getUserByID({ userId }, options);
      return { sequence: Number(details?.sequence) };
    });
  }

  #newAddress(): string {
    return `${this.#options.name}-${++this.#made}@example.com`;
  }

  /** Notes the call and its answer. @throws Gone when there is none, because the server went away */
  async #call<Reply extends Sequenced>(
    call: Call,
    run: (options: CallOptions) => Promise<Reply>,
  ): Promise<Answer<Reply>> {
    const { ledger, shift, headers } = this.#options;
    if (shift.fault !== undefined) throw new Gone();
    const note = ledger.start(call);
    try {
      const reply = await run({ headers, timeoutMs: CALL_TIMEOUT_MS });
      ledger.accepted(note, reply.sequence);
      shift.answered();
      return { ok: true, reply };
    } catch (cause) {
      const error = ConnectError.from(cause);
      const what = `${call.name} on ${call.userId}`;
      const [info] = error.findDetails(ErrorInfoSchema);
      if (info === undefined) {
        if (shift.isOver && error.code !== Code.DeadlineExceeded) throw new Gone();
        throw new Error(`${what} got no answer: ${error.message}`, { cause });
      }
      ledger.refused(note, info.reason);
      shift.answered();
      if (!EXPECTED_REFUSALS.includes(info.reason))
        throw new Error(`${what} was refused: ${error.message}`, { cause });
      return { ok: false, refusal: info.reason };
    }
  }
}

function withCode(userId: string, details: Details | undefined, code: string | undefined): IssuedCode {
  if (code === undefined) throw new Error(`no code came back for ${userId}`);
  return { userId, code, sequence: Number(details?.sequence) };
}

function accepted<Reply extends Sequenced>(answer: Answer<Reply>, sequence: number): Reply {
  if (answer.ok && answer.reply.sequence === sequence) return answer.reply;
  throw new Error(`should be accepted with sequence ${sequence}: ${JSON.stringify(answer)}`);
}

function refused(answer: Answer<unknown>, reason: string): void {
  if (!answer.ok && answer.refusal === reason) return;
  throw new Error(`should be refused with ${reason}: ${JSON.stringify(answer)}`);
}
