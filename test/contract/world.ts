// A store under test with a clock that the test turns, and short ways to say the usual commands.
import { randomBytes } from "node:crypto";
import { EnvironmentFactory } from "../../src/store/environment-factory.ts";
import { IdentifierFactory } from "../../src/store/identifiers.ts";
import { Keyring } from "../../src/store/keyring.ts";
import type { Settlement, Store } from "../../src/store/store.ts";
import type { UserFilter, UserPage, UserQuery } from "../../src/store/user-query.ts";
import type { Caller } from "../../src/verification/caller.ts";
import { UNAMBIGUOUS_ALPHABET } from "../../src/verification/code.ts";
import type { Environment, Policy } from "../../src/verification/environment.ts";
import type { FailureError } from "../../src/verification/failures.ts";
import type { UserCommand, UserReply, Verification } from "../../src/verification/user/commands.ts";

export const SYSTEM: Caller = { kind: "system" };
export const ORGANIZATION = "org-1";

export const POLICY: Policy = {
  codeTtlMs: 3_600_000,
  maxAttemptsPerClient: 5,
  maxAttemptsPerCode: 50,
  maxFailuresPerDay: 100,
  liveCodes: 1,
  defaultUrlTemplate: "https://app.example/verify?code={{.Code}}",
  links: { allowedHosts: undefined },
};

export type AddUser = Extract<UserCommand, { type: "user.add" }>;

export function userAdd(userId: string, change: Partial<Omit<AddUser, "type" | "userId">> = {}): AddUser {
  return {
    type: "user.add",
    userId,
    organizationId: ORGANIZATION,
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { address: `${userId}@example.com`, verification: { kind: "none" } },
    ...change,
  };
}

export class World {
  /** Another one after a reopen. */
  store: Store;
  nowMs = Date.UTC(2026, 10, 22, 12);
  /** What requests say of languages. */
  acceptLanguage = "";
  readonly keyring: Keyring;
  readonly environments: EnvironmentFactory;
  /** The code last sent to each user. */
  readonly codes = new Map<string, string>();

  constructor(
    store: Store,
    policy: Partial<Policy> = {},
    keyring = new Keyring([new Uint8Array(32).fill(7)]),
  ) {
    this.store = store;
    this.keyring = keyring;
    this.environments = new EnvironmentFactory({
      nowMs: () => this.nowMs,
      randomBytes,
      identifiers: new IdentifierFactory(() => this.nowMs, randomBytes),
      keyring: this.keyring,
      policy: { ...POLICY, ...policy },
      codeAlphabet: UNAMBIGUOUS_ALPHABET,
      codeLength: 6,
    });
  }

  /** An environment without a new code. */
  plain(caller: Caller = SYSTEM): Environment {
    return this.environments.plain(caller);
  }

  addOrganization(organizationId = ORGANIZATION): Promise<null> {
    const command = { type: "organization.add", organizationId, name: `Name of ${organizationId}` } as const;
    return this.store.execute(command, this.plain());
  }

  addServiceAccount(serviceAccountId: string, username = serviceAccountId): Promise<null> {
    const roles = [{ role: "IAM_OWNER" }, { role: "ORG_OWNER", organizationId: ORGANIZATION }];
    const command = {
      type: "serviceAccount.add",
      serviceAccountId,
      organizationId: ORGANIZATION,
      username,
      roles,
    } as const;
    return this.store.execute(command, this.plain());
  }

  setToken(tokenId: string, serviceAccountId: string, hash: string): Promise<null> {
    const command = {
      type: "accessToken.set",
      tokenId,
      organizationId: ORGANIZATION,
      serviceAccountId,
      hash,
    } as const;
    return this.store.execute(command, this.plain());
  }

  addUser(userId: string, change: Partial<Omit<AddUser, "type" | "userId">> = {}): Promise<UserReply> {
    return this.withNewCode(userAdd(userId, change));
  }

  sendCode(userId: string, verification: { kind: "send" | "return" } = { kind: "send" }): Promise<UserReply> {
    return this.withNewCode({ type: "email.sendCode", userId, verification });
  }

  setEmail(
    userId: string,
    address: string,
    verification: Verification = { kind: "send" },
  ): Promise<UserReply> {
    return this.withNewCode({ type: "email.set", userId, address, verification });
  }

  verify(
    userId: string,
    code: string,
    { client = "client-1", caller = SYSTEM }: { client?: string; caller?: Caller } = {},
  ): Promise<UserReply> {
    const candidates = this.environments.candidateMacs(userId, code);
    return this.store.execute({ type: "email.verify", userId, candidates, client }, this.plain(caller));
  }

  run(command: UserCommand): Promise<UserReply> {
    return this.store.execute(command, this.plain());
  }

  /** Executes with a fresh code in the environment and remembers the code. */
  async withNewCode(command: UserCommand): Promise<UserReply> {
    const { env, code } = this.environments.withNewCode(SYSTEM, command.userId);
    const reply = await this.store.execute(command, this.environments.withNotice(env, this.acceptLanguage));
    this.codes.set(command.userId, code);
    return reply;
  }

  /** The code last sent to the user. */
  codeOf(userId: string): string {
    const code = this.codes.get(userId);
    if (code === undefined) throw new Error(`no code was sent to ${userId}`);
    return code;
  }

  settle(...settlements: Settlement[]): Promise<{ readonly stale: number }> {
    return this.store.settleDeliveries(settlements, this.plain());
  }

  list(filter: UserFilter = { kind: "all" }, change: Partial<UserQuery> = {}): Promise<UserPage> {
    return this.store.listUsers({
      filter,
      sort: "userId",
      ascending: true,
      offset: 0,
      limit: 1_000,
      timeoutMs: 10_000,
      ...change,
    });
  }
}

/** Why the call was refused; anything else than a refusal is thrown. */
export async function refusal(call: Promise<unknown>): Promise<FailureError["failure"]> {
  let answer: unknown;
  try {
    answer = await call;
  } catch (error) {
    if (error instanceof Error && error.name === "FailureError") return (error as FailureError).failure;
    throw error;
  }
  throw new Error(`the call was not refused but answered ${JSON.stringify(answer).slice(0, 200)}`);
}

/** Which of the calls were answered, which refused and for what reason, which failed otherwise. */
export async function outcomes<T>(
  calls: readonly Promise<T>[],
): Promise<{ answers: T[]; refusals: string[]; errors: Error[] }> {
  const answers: T[] = [];
  const refusals: string[] = [];
  const errors: Error[] = [];
  for (const settled of await Promise.allSettled(calls)) {
    if (settled.status === "fulfilled") answers.push(settled.value);
    else if ((settled.reason as Error).name === "FailureError") {
      refusals.push((settled.reason as FailureError).failure.name);
    } else errors.push(settled.reason as Error);
  }
  return { answers, refusals, errors };
}

/** What `make` makes for 0 to count - 1. */
export function times<T>(count: number, make: (index: number) => T): T[] {
  return Array.from({ length: count }, (_, index) => make(index));
}

/** The same value, count times. */
export function same<T>(count: number, value: T): T[] {
  return times(count, () => value);
}
