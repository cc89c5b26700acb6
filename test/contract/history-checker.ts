/**
 * Reads everything that a store has recorded and says what is wrong with it.
 *
 * Needs nothing but the Store port, so it judges every adapter, and a database that a crash left behind as well as one
 * that was closed in peace. What must hold:
 * - positions increase, and pages of any size show the same log;
 * - the sequences of every aggregate are 1, 2, ... n, and all its events belong to one organization;
 * - the snapshot that a find returns is the fold of the aggregate's events;
 * - where old events were pruned, sequences may begin later, the snapshot has at least that of the last, and is taken as it is;
 * - the claims, the token look-up and the list of users are those that follow from the folded states.
 */
import { isDeepStrictEqual } from "node:util";
import type { RecordedEvent, Store } from "../../src/store/store.ts";
import type { AccessTokenState } from "../../src/verification/access-token.ts";
import { deciderOf, type AggregateId } from "../../src/verification/aggregates.ts";
import type { AggregateHead } from "../../src/verification/decider.ts";
import { accountExists, type ServiceAccountState } from "../../src/verification/service-account.ts";
import { subjectClaim, usernameClaim } from "../../src/verification/user/needs.ts";
import { exists, type UserState } from "../../src/verification/user/state.ts";

const PAGE_EVENTS = 97;
const PAGE_USERS = 1_000;

export interface History extends AggregateId {
  readonly events: readonly RecordedEvent[];
}

type ReadableStore = Pick<
  Store,
  | "readEvents"
  | "prunedPosition"
  | "findUser"
  | "findOrganization"
  | "findServiceAccount"
  | "findAccessToken"
  | "findClaim"
  | "listUsers"
>;

/** The whole log, read page by page. */
export async function readLog(
  store: Pick<Store, "readEvents">,
  pageEvents = PAGE_EVENTS,
): Promise<RecordedEvent[]> {
  const log: RecordedEvent[] = [];
  for (;;) {
    const page = await store.readEvents(log.at(-1)?.position ?? 0, pageEvents);
    log.push(...page);
    if (page.length < pageEvents) return log;
  }
}

/** The events of one aggregate. */
export async function eventsOf(
  store: Pick<Store, "readEvents">,
  { type, id }: AggregateId,
): Promise<RecordedEvent[]> {
  return (await readLog(store)).filter((event) => event.aggregateType === type && event.aggregateId === id);
}

/** The types of one user's events, oldest first. */
export async function userEventTypes(store: Pick<Store, "readEvents">, userId: string): Promise<string[]> {
  return (await eventsOf(store, { type: "user", id: userId })).map((event) => event.type);
}

/** @returns one line for each thing that is wrong; none when the history is sound */
export async function historyProblems(store: ReadableStore): Promise<string[]> {
  const log = await readLog(store);
  const histories = byAggregate(log);
  const isPruned = (await store.prunedPosition()) > 0;
  const problems = [
    ...logProblems(log),
    ...histories.flatMap((history) => sequenceProblems(history, isPruned)),
  ];
  const users = new Map<string, UserState>();
  for (const history of histories) {
    const isWhole = !isPruned || history.events[0]?.sequence === 1;
    const folded = isWhole ? fold(history) : await snapshotOf(store, history);
    if (folded === undefined) continue;
    if (!isWhole)
      problems.push(
        ...different(`sequence of ${history.id}`, folded.sequence, history.events.at(-1)?.sequence),
      );
    problems.push(...(await snapshotProblems(store, history, folded)));
    if (history.type === "user") users.set(history.id, folded as UserState);
  }
  return [...problems, ...(await listProblems(store, users))];
}

export function byAggregate(log: readonly RecordedEvent[]): History[] {
  const groups = Map.groupBy(log, (event) => `${event.aggregateType} ${event.aggregateId}`);
  return [...groups.values()].flatMap((events) => {
    const [first] = events;
    return first === undefined ? [] : [{ type: first.aggregateType, id: first.aggregateId, events }];
  });
}

/** What the events add up to by the decider's own rule. */
export function fold({ type, events }: History): AggregateHead {
  const decider = deciderOf(type);
  return events.reduce((state, event) => decider.evolve(state, event, event), decider.initial);
}

function logProblems(log: readonly RecordedEvent[]): string[] {
  return log.flatMap((event, index) => {
    const previous = log[index - 1]?.position ?? 0;
    return event.position > previous ? [] : [`position ${event.position} follows ${previous}`];
  });
}

/** Tokens are found by nothing that outlives their events. */
async function snapshotOf(
  store: ReadableStore,
  { type, id }: AggregateId,
): Promise<AggregateHead | undefined> {
  if (type === "organization") return store.findOrganization(id);
  if (type === "service_account") return store.findServiceAccount(id);
  if (type === "user") return store.findUser(id);
  return undefined;
}

function sequenceProblems({ type, id, events }: History, isPruned: boolean): string[] {
  const sequences = events.map((event) => event.sequence);
  const first = isPruned ? (sequences[0] ?? 1) : 1;
  const problems = sequences.every((sequence, index) => sequence === first + index)
    ? []
    : [`${type} ${id}: sequences are ${sequences.join(" ")}`];
  const owners = new Set(events.map((event) => event.organizationId));
  if (owners.size !== 1) problems.push(`${type} ${id}: events belong to ${[...owners].join(" and ")}`);
  return problems;
}

async function snapshotProblems(
  store: ReadableStore,
  history: History,
  folded: AggregateHead,
): Promise<string[]> {
  const { type, id } = history;
  switch (type) {
    case "organization":
      return different(`organization ${id}`, await store.findOrganization(id), folded);
    case "service_account": {
      const account = folded as ServiceAccountState;
      const { username } = account;
      const problems = [
        ...different(`service_account ${id}`, await store.findServiceAccount(id), folded),
        ...different(`claim of id ${id}`, await store.findClaim(subjectClaim(id)), id),
      ];
      const holder = await store.findClaim(usernameClaim(username));
      if (accountExists(account)) {
        problems.push(...different(`claim of username ${username}`, holder, id));
      } else if (holder === id) {
        problems.push(`service_account ${id}: still holds its username ${username}`);
      }
      return problems;
    }
    case "access_token": {
      const { hash, serviceAccountId, expiresAtMs, revokedAtMs } = folded as AccessTokenState;
      const serviceAccount = await store.findServiceAccount(serviceAccountId);
      const expected =
        serviceAccount !== undefined && accountExists(serviceAccount)
          ? { tokenId: id, hash, serviceAccountId, serviceAccount, expiresAtMs, revokedAtMs }
          : undefined;
      return [
        ...different(`access_token ${id}`, await store.findAccessToken(hash), expected),
        ...(await oldHashProblems(store, history, hash)),
      ];
    }
    case "user": {
      const user = folded as UserState;
      const problems = [
        ...different(`user ${id}`, await store.findUser(id), user),
        ...different(`claim of id ${id}`, await store.findClaim(subjectClaim(id)), id),
      ];
      if (exists(user)) {
        const holder = await store.findClaim(usernameClaim(user.username));
        problems.push(...different(`claim of username ${user.username}`, holder, id));
      }
      return [...problems, ...(await oldNameProblems(store, history, user))];
    }
  }
}

/** Names that the user once had must be free, or another's. */
async function oldNameProblems(
  store: ReadableStore,
  { id, events }: History,
  user: UserState,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { payload } of events) {
    const { userName } = payload as { userName?: string };
    if (userName === undefined || userName.toLowerCase() === user.username.toLowerCase()) continue;
    if ((await store.findClaim(usernameClaim(userName))) === id) {
      problems.push(`user ${id}: still holds its old username ${userName}`);
    }
  }
  return problems;
}

/** A replaced token opens nothing any more. */
async function oldHashProblems(
  store: ReadableStore,
  { id, events }: History,
  current: string,
): Promise<string[]> {
  const problems: string[] = [];
  for (const { payload } of events) {
    const { hash } = payload as { hash?: string };
    if (hash === undefined || hash === current) continue;
    if ((await store.findAccessToken(hash))?.tokenId === id)
      problems.push(`access_token ${id}: its old hash is found`);
  }
  return problems;
}

async function listProblems(store: ReadableStore, users: ReadonlyMap<string, UserState>): Promise<string[]> {
  const listed = new Map<string, UserState>();
  const problems: string[] = [];
  for (let offset = 0; ; offset += PAGE_USERS) {
    const page = await store.listUsers({
      filter: { kind: "all" },
      sort: "userId",
      ascending: true,
      offset,
      limit: PAGE_USERS,
      timeoutMs: 10_000,
    });
    for (const { userId, state } of page.users) {
      if (listed.has(userId)) problems.push(`user ${userId}: listed twice`);
      listed.set(userId, state);
    }
    if (page.users.length < PAGE_USERS) break;
  }
  for (const [userId, user] of users) {
    problems.push(...different(`listed user ${userId}`, listed.get(userId), exists(user) ? user : undefined));
  }
  const strangers = [...listed.keys()].filter((userId) => !users.has(userId));
  return [...problems, ...strangers.map((userId) => `listed user ${userId}: has no events`)];
}

function different(what: string, actual: unknown, expected: unknown): string[] {
  if (isDeepStrictEqual(plain(actual), plain(expected))) return [];
  return [`${what}: is ${JSON.stringify(actual)}, its events say ${JSON.stringify(expected)}`];
}

/** Without properties that are undefined, which no database keeps apart from absent ones. */
function plain(value: unknown): unknown {
  return value === undefined ? undefined : (JSON.parse(JSON.stringify(value)) as unknown);
}
