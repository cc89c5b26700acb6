/**
 * How often codes may be guessed: the counters that a wrong try is charged to, and when they are spent.
 *
 * While codes can be used, a wrong try is charged to every one of them, to each twice (what this client tried, what all
 * clients tried), and once to the address. No try is compared while one of these counters is spent. So
 * - the life of a code, from its being sent to its end by use, expiry or newer codes, sees no more wrong tries than one
 *   code allows, however many codes work beside it and however often another is sent;
 * - codes that work at the same time share one budget, and a new code adds tries only as an old one goes;
 * - an address takes no more wrong tries a day than its own counter allows, whoever sends codes, under however many
 *   user ids.
 *
 * A code that has done its work still answers its repetition with success. It verifies nothing, but who is told so by
 * guessing learns it, so tries at it are counted in the same way, apart from those that came before.
 *
 * Where there is nothing to guess, or no try left, counters of no one are raised instead: as many as take the time of a
 * wrong try, among a fixed number of them, so that inventing users fills no table. Every refusal thus costs one commit
 * of one size, and its time does not tell which it was.
 */
import { createHash } from "node:crypto";
import { addressDigest } from "../address-digest.ts";
import { networkOf } from "../client-network.ts";
import type { Debit, FactKey, Facts } from "../decider.ts";
import type { Environment } from "../environment.ts";
import type { SubmittedCode } from "./commands.ts";
import { exists, liveCodes, waitingCodes, type UserState, type WaitingCode } from "./state.ts";

/** A counter that a try at a code is held against. */
export interface Budget {
  readonly kind: "client" | "code" | "address";
  readonly bucket: string;
  /** Wrong tries that it allows. */
  readonly limit: number;
  /** When the counter ends that a debit of now would begin. */
  readonly expiresAtMs: number;
}

const DAY_MS = 86_400_000;
/** Counters of no one. */
const FUTILE_BUCKETS = 1_024;
/** An event and the snapshot of its user take as long to write as so many counters; test/wire/limits-no-tells.test.ts. */
const COUNTERS_PER_EVENT = 8;

/** The counters that the decision may look at. */
export function attemptNeeds(state: UserState, command: SubmittedCode): readonly FactKey[] {
  const guessable = exists(state) ? guessableCodes(state, waitingCodes(state)) : [];
  const buckets =
    guessable.length === 0
      ? futileBuckets(command, 3)
      : [...guessable.flatMap((code) => bucketsOf(code, command)), failuresOf(state.email.address)];
  return buckets.map((bucket) => ({ kind: "bucket", bucket }));
}

/** The counters that this try is held against; none where there is nothing to guess. */
export function budgetsOf(state: UserState, command: SubmittedCode, env: Environment): readonly Budget[] {
  const { nowMs, policy } = env;
  const guessable = guessableCodes(state, liveCodes(state, nowMs)).filter(
    (code) => code.expiresAtMs >= nowMs,
  );
  if (guessable.length === 0) return [];
  const perCode = guessable.flatMap((code): Budget[] => {
    const [byClient, inAll] = bucketsOf(code, command);
    // One longer than the code, which still works in the millisecond it expires at.
    const expiresAtMs = code.expiresAtMs + 1;
    return [
      { kind: "client", bucket: byClient, limit: policy.maxAttemptsPerClient, expiresAtMs },
      { kind: "code", bucket: inAll, limit: policy.maxAttemptsPerCode, expiresAtMs },
    ];
  });
  const perAddress: Budget = {
    kind: "address",
    bucket: failuresOf(state.email.address),
    limit: policy.maxFailuresPerDay === 0 ? Infinity : policy.maxFailuresPerDay,
    expiresAtMs: nowMs + DAY_MS,
  };
  return [...perCode, perAddress];
}

/** How many more wrong tries the budget takes. */
export function triesLeft({ bucket, limit }: Budget, facts: Facts, nowMs: number): number {
  return limit - (facts.bucket(bucket, nowMs)?.used ?? 0);
}

/**
 * What a refusal writes beside its events.
 *
 * @param charged the budgets that the try is charged to
 * @param events how many events the refusal has
 */
export function debitsOf(
  charged: readonly Budget[],
  events: number,
  command: SubmittedCode,
  { nowMs, policy }: Environment,
): readonly Debit[] {
  const debits = charged.map(({ bucket, expiresAtMs }) => ({ bucket, amount: 1, expiresAtMs }));
  const counters = 2 * policy.liveCodes + 1 + COUNTERS_PER_EVENT * (1 - events);
  const futile = futileBuckets(command, Math.max(0, counters - debits.length));
  return [...debits, ...futile.map((bucket) => ({ bucket, amount: 1, expiresAtMs: nowMs + DAY_MS }))];
}

/** The counter of wrong tries at an address. */
export function failuresOf(address: string): string {
  return `failures:${addressDigest(address)}`;
}

interface GuessableCode extends WaitingCode {
  readonly purpose: "attempts" | "repeats";
}

/** The codes that work, or the one that was used last. */
function guessableCodes({ spentCode }: UserState, working: readonly WaitingCode[]): readonly GuessableCode[] {
  if (spentCode !== null) return [{ ...spentCode, purpose: "repeats" }];
  return working.map((code) => ({ ...code, purpose: "attempts" }));
}

function bucketsOf(
  { purpose, codeId }: GuessableCode,
  { client }: SubmittedCode,
): readonly [byClient: string, inAll: string] {
  return [`${purpose}:${codeId}:${clientKey(client)}`, `${purpose}:${codeId}`];
}

const ADDRESS = "address:";

function clientKey(client: string): string {
  return client.startsWith(ADDRESS) ? ADDRESS + networkOf(client.slice(ADDRESS.length)) : client;
}

/** The same ones for the same try, at most 32. */
function futileBuckets({ userId, client }: SubmittedCode, count: number): readonly string[] {
  if (count === 0) return [];
  const digest = createHash("sha512").update(`${userId.length}:${userId}${client}`).digest();
  return Array.from(
    { length: count },
    (_, index) => `futile:${digest.readUInt16BE(2 * index) % FUTILE_BUCKETS}`,
  );
}
