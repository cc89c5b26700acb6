/**
 * The rows outside the aggregates that rules look at, as a transaction found them and as its decisions leave them.
 *
 * Buckets and kept answers are locked when they are loaded, so that what was decided on is still so at the commit; and
 * service accounts against changes, so that none gets a token while another instance removes it. Who counts owners holds a
 * lock on that, or two instances could end two owners, each with a look at the other. Claims are not locked: a
 * claim that was free and is taken by two has a unique key that refuses the second. Neither are organizations, which never
 * go, and which every call to add a user looks at.
 */
import type { AggregateStates } from "../../verification/aggregates.ts";
import {
  claimText,
  type BucketUse,
  type ClaimKey,
  type Debit,
  type Decision,
  type DomainEvent,
  type FactKey,
  type Facts,
  type KeptReply,
  type ReplyToKeep,
} from "../../verification/decider.ts";
import type { OrganizationSettings } from "../../verification/organization-settings.ts";
import type { OrganizationState } from "../../verification/organization.ts";
import { isActiveOwner } from "../../verification/last-owner.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import { addressKey, suppressionText, type SuppressionKey } from "../../verification/suppression.ts";
import type { Details } from "../../verification/user/commands.ts";
import type { Transaction } from "./database.ts";
import { byText } from "./order.ts";
import type { Statement } from "./session.ts";
import { isStorable } from "./sql-text.ts";

const SELECT_BUCKETS: Statement = {
  name: "select_buckets",
  text: `SELECT bucket, used, expires_at_ms AS "expiresAtMs" FROM buckets WHERE bucket = ANY($1)
    ORDER BY bucket FOR UPDATE`,
};
const INSERT_BUCKETS: Statement = {
  name: "insert_buckets",
  text: `INSERT INTO buckets (bucket, used, expires_at_ms)
    SELECT bucket, used, expires FROM json_to_recordset($1) AS r (bucket TEXT, used BIGINT, expires BIGINT)`,
};
const UPDATE_BUCKETS: Statement = {
  name: "update_buckets",
  text: `UPDATE buckets SET used = r.used, expires_at_ms = r.expires
    FROM json_to_recordset($1) AS r (bucket TEXT, used BIGINT, expires BIGINT) WHERE buckets.bucket = r.bucket`,
};
const SELECT_CLAIMS: Statement = {
  name: "select_claims",
  text: `SELECT c.scope, c.value, c.aggregate_id AS "holder" FROM claims c
    JOIN json_to_recordset($1) AS wanted (scope TEXT, value TEXT) ON c.scope = wanted.scope AND c.value = wanted.value`,
};
const DELETE_CLAIMS: Statement = {
  name: "delete_claims",
  text: `DELETE FROM claims USING json_to_recordset($1) AS r (scope TEXT, value TEXT, holder TEXT)
    WHERE claims.scope = r.scope AND claims.value = r.value AND claims.aggregate_id = r.holder`,
};
const INSERT_CLAIMS: Statement = {
  name: "insert_claims",
  text: `INSERT INTO claims (scope, value, aggregate_id)
    SELECT scope, value, holder FROM json_to_recordset($1) AS r (scope TEXT, value TEXT, holder TEXT)`,
};
const SELECT_ORGANIZATIONS: Statement = {
  name: "select_organizations",
  text: "SELECT id, state FROM aggregates WHERE type = 'organization' AND id = ANY($1)",
};
const SELECT_SERVICE_ACCOUNTS: Statement = {
  name: "select_service_accounts",
  text: `SELECT id, state FROM aggregates WHERE type = 'service_account' AND id = ANY($1)
    ORDER BY id FOR SHARE`,
};
/** Any number will do that nobody else on the database locks; see schema.ts for the other one. */
const OWNERS_LOCK = 6_720_412_816;
const LOCK_OWNERS: Statement = {
  name: "lock_owners",
  text: `SELECT pg_advisory_xact_lock(${OWNERS_LOCK})`,
};
const SELECT_POSSIBLE_OWNERS: Statement = {
  name: "select_possible_owners",
  text: `SELECT id, state FROM aggregates WHERE type = 'service_account' AND state LIKE '%_OWNER"%'`,
};
const SELECT_SUPPRESSIONS: Statement = {
  name: "select_suppressions",
  text: `SELECT s.organization_id AS "organizationId", s.address_key AS "addressKey" FROM suppressions s
    JOIN json_to_recordset($1) AS wanted (organization TEXT, address TEXT)
      ON s.organization_id = wanted.organization AND s.address_key = wanted.address`,
};
const SELECT_REPLIES: Statement = {
  name: "select_replies",
  text: `SELECT scope, fingerprint, user_id AS "userId", details, sealed_code AS "sealedCode",
      expires_at_ms AS "expiresAtMs"
    FROM kept_replies WHERE scope = ANY($1) ORDER BY scope FOR UPDATE`,
};
const DELETE_REPLIES: Statement = {
  name: "delete_replies",
  text: "DELETE FROM kept_replies WHERE scope = ANY($1)",
};
const INSERT_REPLIES: Statement = {
  name: "insert_replies",
  text: `INSERT INTO kept_replies (scope, fingerprint, user_id, details, sealed_code, expires_at_ms)
    SELECT scope, fingerprint, "userId", details, "sealedCode", "expiresAtMs" FROM json_to_recordset($1)
      AS r (scope TEXT, fingerprint TEXT, "userId" TEXT, details TEXT, "sealedCode" TEXT, "expiresAtMs" BIGINT)`,
};

/** A row as it was found (undefined: there was none) and as it is now. */
interface Entry<Row> {
  readonly found: Row | undefined;
  now: Row | undefined;
}

/** Looks among the aggregates that the transaction itself has loaded. */
export type FindLoaded = <Type extends "organization" | "service_account">(
  type: Type,
  id: string,
) => AggregateStates[Type] | undefined;

type Kept = KeptReply & { readonly expiresAtMs: number };

export class FactTable implements Facts {
  readonly #transaction: Transaction;
  readonly #findLoaded: FindLoaded;
  readonly #buckets = new Map<string, Entry<BucketUse>>();
  readonly #claims = new Map<string, Entry<string> & { readonly key: ClaimKey }>();
  readonly #organizations = new Map<string, OrganizationState | undefined>();
  readonly #serviceAccounts = new Map<string, ServiceAccountState | undefined>();
  /** By organization. Those that became owners in this very transaction are not among them. */
  readonly #owners = new Map<string, readonly string[]>();
  readonly #suppressions = new Map<string, boolean>();
  readonly #replies = new Map<string, Entry<Kept>>();

  /** @param findLoaded what the transaction has made of an aggregate so far; undefined: it has not loaded it, or there is none */
  constructor(transaction: Transaction, findLoaded: FindLoaded) {
    this.#transaction = transaction;
    this.#findLoaded = findLoaded;
  }

  /**
   * Asks for those that were not loaded yet, all at once.
   *
   * @returns undefined when there are none: that is most of the time, and promises for nothing add up
   */
  load(keys: readonly FactKey[]): Promise<unknown> | undefined {
    const unknown = keys.filter((key) => !this.#has(key));
    if (unknown.length === 0) return undefined;
    const missing = new Missing();
    for (const key of unknown) {
      if (isStorable(textOf(key))) missing.add(key);
      else this.#noteAbsent(key);
    }
    return Promise.all([
      this.#loadBuckets(missing.buckets),
      this.#loadReplies(missing.replies),
      this.#loadClaims(missing.claims),
      this.#loadAggregates(SELECT_ORGANIZATIONS, missing.organizations, this.#organizations),
      this.#loadAggregates(SELECT_SERVICE_ACCOUNTS, missing.serviceAccounts, this.#serviceAccounts),
      this.#loadOwners(missing.owners),
      this.#loadSuppressions(missing.suppressions),
    ]);
  }

  claimHolder(claim: ClaimKey): string | undefined {
    return this.#claims.get(claimText(claim))?.now;
  }

  organization(organizationId: string): OrganizationSettings | undefined {
    const found = this.#findLoaded("organization", organizationId) ?? this.#organizations.get(organizationId);
    return found?.settings;
  }

  serviceAccount(serviceAccountId: string): ServiceAccountState | undefined {
    return (
      this.#findLoaded("service_account", serviceAccountId) ?? this.#serviceAccounts.get(serviceAccountId)
    );
  }

  /** Without those that the commands before have ended. */
  owners(organizationId: string): readonly string[] {
    return (this.#owners.get(organizationId) ?? []).filter((id) => {
      const account = this.#findLoaded("service_account", id);
      return account === undefined || isActiveOwner(account, organizationId);
    });
  }

  isSuppressed(suppression: SuppressionKey): boolean {
    return this.#suppressions.get(suppressionText(suppression)) === true;
  }

  reply(scope: string, nowMs: number): KeptReply | undefined {
    return unlessOver(this.#replies.get(scope)?.now, nowMs);
  }

  bucket(bucket: string, nowMs: number): BucketUse | undefined {
    return unlessOver(this.#buckets.get(bucket)?.now, nowMs);
  }

  /**
   * Takes over what a decision changes; nothing of it when it throws.
   *
   * @throws Error for a decision that takes what another holds, which is a bug of the rules
   */
  apply(aggregateId: string, { claims, debits, keep }: Decision<DomainEvent, unknown>, nowMs: number): void {
    for (const claim of claims) {
      const holder = this.#claims.get(claimText(claim))?.now;
      if (claim.action === "take" && holder !== undefined && holder !== aggregateId) {
        throw new Error(`the ${claim.scope} is taken by another aggregate`);
      }
    }
    for (const { action, scope, value } of claims) {
      const key = { scope, value };
      // Rules give back what their aggregate holds without a look at it.
      const held = action === "release" ? aggregateId : undefined;
      const entry = this.#claims.get(claimText(key)) ?? { key, found: held, now: held };
      if (action === "take") entry.now = aggregateId;
      else if (entry.now === aggregateId) entry.now = undefined;
      this.#claims.set(claimText(key), entry);
    }
    this.raise(debits, nowMs);
    if (keep !== undefined) this.#keep(keep);
  }

  /** Of counters that were loaded. */
  raise(debits: readonly Debit[], nowMs: number): void {
    for (const { bucket, amount, expiresAtMs } of debits) {
      const entry = this.#buckets.get(bucket) ?? { found: undefined, now: undefined };
      const running = unlessOver(entry.now, nowMs);
      entry.now = {
        used: (running?.used ?? 0) + amount,
        expiresAtMs: running?.expiresAtMs ?? expiresAtMs,
      };
      this.#buckets.set(bucket, entry);
    }
  }

  /** Defers what changed. */
  write(): void {
    this.#writeBuckets();
    this.#writeReplies();
    this.#writeClaims();
  }

  #keep(reply: ReplyToKeep): void {
    const entry = this.#replies.get(reply.scope) ?? { found: undefined, now: undefined };
    entry.now = reply;
    this.#replies.set(reply.scope, entry);
  }

  #has(key: FactKey): boolean {
    switch (key.kind) {
      case "claim":
        return this.#claims.has(claimText(key.claim));
      case "organization":
        return this.#organizations.has(key.organizationId);
      case "serviceAccount":
        return this.#serviceAccounts.has(key.serviceAccountId);
      case "owners":
        return this.#owners.has(key.organizationId);
      case "suppression":
        return this.#suppressions.has(suppressionText(key.suppression));
      case "reply":
        return this.#replies.has(key.scope);
      case "bucket":
        return this.#buckets.has(key.bucket);
    }
  }

  /** What the database cannot hold, it does not have. */
  #noteAbsent(key: FactKey): void {
    const absent = { found: undefined, now: undefined };
    switch (key.kind) {
      case "claim":
        this.#claims.set(claimText(key.claim), { key: key.claim, ...absent });
        return;
      case "organization":
        this.#organizations.set(key.organizationId, undefined);
        return;
      case "serviceAccount":
        this.#serviceAccounts.set(key.serviceAccountId, undefined);
        return;
      case "owners":
        this.#owners.set(key.organizationId, []);
        return;
      case "suppression":
        this.#suppressions.set(suppressionText(key.suppression), false);
        return;
      case "reply":
        this.#replies.set(key.scope, absent);
        return;
      case "bucket":
        this.#buckets.set(key.bucket, absent);
    }
  }

  async #loadBuckets(names: ReadonlySet<string>): Promise<void> {
    if (names.size === 0) return;
    const { rows } = await this.#transaction.query<BucketUse & { bucket: string }>(SELECT_BUCKETS, [
      [...names],
    ]);
    const found = new Map(rows.map(({ bucket, used, expiresAtMs }) => [bucket, { used, expiresAtMs }]));
    for (const name of names) this.#buckets.set(name, { found: found.get(name), now: found.get(name) });
  }

  async #loadReplies(scopes: ReadonlySet<string>): Promise<void> {
    if (scopes.size === 0) return;
    const { rows } = await this.#transaction.query<
      Omit<Kept, "details"> & { scope: string; details: string }
    >(SELECT_REPLIES, [[...scopes]]);
    const found = new Map(
      rows.map(({ scope, ...row }) => [scope, { ...row, details: JSON.parse(row.details) as Details }]),
    );
    for (const scope of scopes) this.#replies.set(scope, { found: found.get(scope), now: found.get(scope) });
  }

  async #loadClaims(keys: ReadonlyMap<string, ClaimKey>): Promise<void> {
    if (keys.size === 0) return;
    const { rows } = await this.#transaction.query<ClaimKey & { holder: string }>(SELECT_CLAIMS, [
      JSON.stringify([...keys.values()]),
    ]);
    const found = new Map(rows.map((row) => [claimText(row), row.holder]));
    for (const [text, key] of keys)
      this.#claims.set(text, { key, found: found.get(text), now: found.get(text) });
  }

  async #loadAggregates<State>(
    statement: Statement,
    ids: ReadonlySet<string>,
    into: Map<string, State | undefined>,
  ): Promise<void> {
    if (ids.size === 0) return;
    const { rows } = await this.#transaction.query<{ id: string; state: string }>(statement, [[...ids]]);
    const found = new Map(rows.map(({ id, state }) => [id, JSON.parse(state) as State]));
    for (const id of ids) into.set(id, found.get(id));
  }

  /** In two steps: the second sees what those committed who had the lock before. */
  async #loadOwners(organizationIds: ReadonlySet<string>): Promise<void> {
    if (organizationIds.size === 0) return;
    await this.#transaction.query(LOCK_OWNERS);
    const { rows } = await this.#transaction.query<{ id: string; state: string }>(SELECT_POSSIBLE_OWNERS);
    const accounts = rows.map(({ id, state }) => ({ id, state: JSON.parse(state) as ServiceAccountState }));
    for (const organizationId of organizationIds) {
      const owners = accounts.filter(({ state }) => isActiveOwner(state, organizationId));
      this.#owners.set(
        organizationId,
        owners.map(({ id }) => id),
      );
    }
  }

  async #loadSuppressions(
    keys: ReadonlyMap<string, { readonly organization: string; readonly address: string }>,
  ): Promise<void> {
    if (keys.size === 0) return;
    const { rows } = await this.#transaction.query<{ organizationId: string; addressKey: string }>(
      SELECT_SUPPRESSIONS,
      [JSON.stringify([...keys.values()])],
    );
    const found = new Set(
      rows.map((row) => suppressionText({ organizationId: row.organizationId, address: row.addressKey })),
    );
    for (const text of keys.keys()) this.#suppressions.set(text, found.has(text));
  }

  #writeBuckets(): void {
    const changed = changedOf(this.#buckets).map(([bucket, { found, now }]) => ({
      isNew: found === undefined,
      row: { bucket, used: now?.used, expires: now?.expiresAtMs },
    }));
    this.#defer(
      UPDATE_BUCKETS,
      changed.filter(({ isNew }) => !isNew).map(({ row }) => row),
    );
    this.#defer(
      INSERT_BUCKETS,
      changed.filter(({ isNew }) => isNew).map(({ row }) => row),
    );
  }

  #writeReplies(): void {
    const changed = changedOf(this.#replies);
    const over = changed.filter(([, { found }]) => found !== undefined).map(([scope]) => scope);
    if (over.length > 0) void this.#transaction.defer(DELETE_REPLIES, [over]);
    this.#defer(
      INSERT_REPLIES,
      changed.map(([, { now }]) => ({ ...now, details: JSON.stringify(now?.details) })),
    );
  }

  #writeClaims(): void {
    const changed = changedOf(this.#claims);
    this.#defer(
      DELETE_CLAIMS,
      changed
        .filter(([, { found }]) => found !== undefined)
        .map(([, { key, found }]) => ({ ...key, holder: found })),
    );
    this.#defer(
      INSERT_CLAIMS,
      changed.filter(([, { now }]) => now !== undefined).map(([, { key, now }]) => ({ ...key, holder: now })),
    );
  }

  #defer(statement: Statement, rows: readonly object[]): void {
    if (rows.length > 0) void this.#transaction.defer(statement, [JSON.stringify(rows)]);
  }
}

function textOf(key: FactKey): string {
  switch (key.kind) {
    case "claim":
      return claimText(key.claim);
    case "organization":
    case "owners":
      return key.organizationId;
    case "serviceAccount":
      return key.serviceAccountId;
    case "suppression":
      return key.suppression.organizationId + key.suppression.address;
    case "reply":
      return key.scope;
    case "bucket":
      return key.bucket;
  }
}

class Missing {
  readonly buckets = new Set<string>();
  readonly replies = new Set<string>();
  readonly claims = new Map<string, ClaimKey>();
  readonly organizations = new Set<string>();
  readonly serviceAccounts = new Set<string>();
  readonly owners = new Set<string>();
  readonly suppressions = new Map<string, { readonly organization: string; readonly address: string }>();

  add(key: FactKey): void {
    switch (key.kind) {
      case "claim":
        this.claims.set(claimText(key.claim), key.claim);
        return;
      case "organization":
        this.organizations.add(key.organizationId);
        return;
      case "serviceAccount":
        this.serviceAccounts.add(key.serviceAccountId);
        return;
      case "owners":
        this.owners.add(key.organizationId);
        return;
      case "suppression": {
        const { organizationId, address } = key.suppression;
        this.suppressions.set(suppressionText(key.suppression), {
          organization: organizationId,
          address: addressKey(address),
        });
        return;
      }
      case "reply":
        this.replies.add(key.scope);
        return;
      case "bucket":
        this.buckets.add(key.bucket);
    }
  }
}

function changedOf<E extends Entry<unknown>>(entries: ReadonlyMap<string, E>): [string, E][] {
  return [...entries].filter(([, { found, now }]) => found !== now).toSorted(([a], [b]) => byText(a, b));
}

function unlessOver<Row extends { readonly expiresAtMs: number }>(
  row: Row | undefined,
  nowMs: number,
): Row | undefined {
  return row !== undefined && row.expiresAtMs > nowMs ? row : undefined;
}
