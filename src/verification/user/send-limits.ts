/**
 * How often codes are sent: to one address, for one user, at the wish of one principal, from one client.
 *
 * Each limit has counters of its own, so that none is used up by what another is for. A counter begins with the first
 * code that it counts and ends a fixed time later; a code is issued only while every counter has room. A refused call
 * raises none of them: asking too early does not make the wait longer. Codes that are handed to the caller count like
 * those that are mailed, or whoever may have them returned could replace the code that is on its way at any rate.
 *
 * In a dry run everything is counted in the same way, and nothing refused: a call over a limit issues its code, raises
 * no counter, and its reply names the limit. So a dry run reports the calls that would be refused, no others.
 *
 * The check comes after all others, when it is certain that a code is issued: calls that fail otherwise cost nothing.
 */
import { addressDigest } from "../address-digest.ts";
import { networkOf } from "../client-network.ts";
import { refuse, type Decider, type Decision, type FactKey, type Facts } from "../decider.ts";
import type { Environment, SendLimits } from "../environment.ts";
import { failure, type Failure, type FailureName } from "../failures.ts";
import type { SendLimitName, UserCommand, UserReply } from "./commands.ts";
import type { UserEvent } from "./events.ts";
import type { UserState } from "./state.ts";

type UserDecider = Decider<UserState, UserCommand, UserEvent, UserReply>;

const HOUR_MS = 3_600_000;

interface Refusal {
  readonly failure: FailureName;
  /** Whose quota it is; a class, because ids may be addresses. */
  readonly subject: string;
}

const REFUSALS: Readonly<Record<SendLimitName, Refusal>> = {
  cooldown: { failure: "SEND_COOLDOWN", subject: "address" },
  address: { failure: "ADDRESS_SENDS_EXHAUSTED", subject: "address" },
  user: { failure: "USER_SENDS_EXHAUSTED", subject: "user" },
  principal: { failure: "PRINCIPAL_SENDS_EXHAUSTED", subject: "principal" },
  client: { failure: "CLIENT_SENDS_EXHAUSTED", subject: "client" },
};

/** The limit that a failure of the catalogue speaks of; undefined for other failures. */
export function sendLimitOf(name: FailureName): SendLimitName | undefined {
  const entries = Object.entries(REFUSALS) as [SendLimitName, Refusal][];
  return entries.find(([, refusal]) => refusal.failure === name)?.[0];
}

/** @param decider costs nothing more where no limit is set */
export function withSendLimits(decider: UserDecider): UserDecider {
  return {
    ...decider,
    needs(state, command, env) {
      const keys = decider.needs(state, command, env);
      const limits = env.policy.sends;
      const address = limits === undefined ? undefined : addressAskedFor(state, command);
      if (limits === undefined || address === undefined) return keys;
      const counters = countersFor(limits, { address, userId: command.userId }, env);
      return [...keys, ...counters.map(({ bucket }): FactKey => ({ kind: "bucket", bucket }))];
    },
    decide(state, facts, command, env) {
      const decision = decider.decide(state, facts, command, env);
      const limits = env.policy.sends;
      if (limits === undefined || !issuesCode(decision)) return decision;
      const address = addressAfter(state, decision.events);
      const counters = countersFor(limits, { address, userId: command.userId }, env);
      return limited(decision, counters, limits.mode, facts, env.nowMs);
    },
  };
}

interface Counter {
  readonly limit: SendLimitName;
  readonly bucket: string;
  /** Codes that it allows. */
  readonly allowed: number;
  readonly windowMs: number;
}

interface Receiver {
  readonly address: string;
  readonly userId: string;
}

/**
 * The counters of the limits that are set, as far as the call has something to count by. Whose they are comes first in
 * their names: a database keeps those of one address side by side, and writes one page for them.
 */
function countersFor(
  limits: SendLimits,
  { address, userId }: Receiver,
  env: Environment,
): readonly Counter[] {
  const { cooldownMs } = limits;
  const { caller, clientAddress = "" } = env;
  const counters: Counter[] = [];
  const perHour = (limit: SendLimitName, allowed: number, whose: string) => {
    if (allowed > 0 && whose !== "") {
      counters.push({ limit, bucket: `sends:${whose}:${limit}`, allowed, windowMs: HOUR_MS });
    }
  };
  if (cooldownMs > 0 || limits.perAddress > 0) {
    const digest = addressDigest(address);
    if (cooldownMs > 0) {
      // The length is in the name: once it is set anew, counters of the old length hold nobody up.
      const bucket = `sends:${digest}:cooldown:${cooldownMs}`;
      counters.push({ limit: "cooldown", bucket, allowed: 1, windowMs: cooldownMs });
    }
    perHour("address", limits.perAddress, digest);
  }
  perHour("user", limits.perUser, userId);
  perHour("principal", limits.perPrincipal, caller.kind === "principal" ? caller.userId : "");
  perHour("client", limits.perClient, networkOf(clientAddress));
  return counters;
}

function limited(
  decision: Decision<UserEvent, UserReply>,
  counters: readonly Counter[],
  mode: SendLimits["mode"],
  facts: Facts,
  nowMs: number,
): Decision<UserEvent, UserReply> {
  const longest = longestWait(counters, facts, nowMs);
  if (longest === undefined) {
    const debits = counters.map(({ bucket, windowMs }) => ({
      bucket,
      amount: 1,
      expiresAtMs: nowMs + windowMs,
    }));
    return { ...decision, debits: [...decision.debits, ...debits] };
  }
  if (mode === "enforce") return refuse(refusalOf(longest));
  const { outcome } = decision;
  if (!outcome.ok) return decision;
  return { ...decision, outcome: { ok: true, reply: { ...outcome.reply, overLimit: longest.limit } } };
}

interface Wait extends Counter {
  readonly waitMs: number;
}

/** Of the counters without room the one that is over last: after that time the same call passes, if nobody else comes first. */
function longestWait(counters: readonly Counter[], facts: Facts, nowMs: number): Wait | undefined {
  let longest: Wait | undefined;
  for (const counter of counters) {
    const use = facts.bucket(counter.bucket, nowMs);
    if (use === undefined || use.used < counter.allowed) continue;
    const waitMs = use.expiresAtMs - nowMs;
    if (longest === undefined || waitMs > longest.waitMs) longest = { ...counter, waitMs };
  }
  return longest;
}

function refusalOf({ limit, allowed, windowMs, waitMs }: Wait): Failure {
  const { failure: name, subject } = REFUSALS[limit];
  const description =
    limit === "cooldown"
      ? `one code per address within ${windowMs / 1_000} s`
      : `${allowed} codes per ${subject} and hour`;
  return failure(name, { retryAfterMs: waitMs, quota: { subject, description } });
}

function issuesCode({ outcome, events }: Decision<UserEvent, UserReply>): boolean {
  return outcome.ok && events.some(({ type }) => type === "user.human.email.code.added");
}

/** Where the code goes that the decision issues. */
function addressAfter(state: UserState, events: readonly UserEvent[]): string {
  let { address } = state.email;
  for (const event of events) {
    if (event.type === "user.human.added" || event.type === "user.human.email.changed") {
      address = event.payload.email;
    }
  }
  return address;
}

/** The same before the decision, where the address is one; undefined for commands that issue none. */
function addressAskedFor(state: UserState, command: UserCommand): string | undefined {
  switch (command.type) {
    case "user.add":
    case "user.update": {
      const { email } = command;
      return email !== undefined && isCode(email.verification.kind) ? email.address.trim() : undefined;
    }
    case "email.set":
      return isCode(command.verification.kind) ? command.address.trim() : undefined;
    case "email.sendCode":
    case "email.resendCode":
      return state.email.address === "" ? undefined : state.email.address;
    default:
      return undefined;
  }
}

function isCode(kind: string): boolean {
  return kind === "send" || kind === "return";
}
