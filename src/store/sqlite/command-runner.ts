/** Runs one command: loads its aggregate and the facts that it needs, has it decided, and writes what was decided. */
import {
  aggregateOf,
  deciderOf,
  type AggregateId,
  type AggregateType,
  type Command,
} from "../../verification/aggregates.ts";
import {
  claimText,
  type BucketUse,
  type Decision,
  type DomainEvent,
  type FactKey,
  type Facts,
  type KeptReply,
  type Outcome,
} from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
import type { OrganizationSettings } from "../../verification/organization-settings.ts";
import type { ServiceAccountState } from "../../verification/service-account.ts";
import { suppressionText } from "../../verification/suppression.ts";
import { changesUser, recordingOf, removesUser, type Recording } from "../recording.ts";
import type { BatchEffects } from "./batch-effects.ts";
import type { BucketTable } from "./bucket-table.ts";
import type { ClaimTable } from "./claim-table.ts";
import type { Erasure } from "./erasure.ts";
import type { EventLog, Snapshot } from "./event-log.ts";
import type { Outbox } from "./outbox.ts";
import type { Projections } from "./projections.ts";
import type { ReplyTable } from "./reply-table.ts";
import type { SuppressionTable } from "./suppression-table.ts";

/** What callers are made of. */
const ACCESS_AGGREGATES: ReadonlySet<AggregateType> = new Set(["service_account", "access_token"]);

/** All that a command reads and writes. */
export interface CommandTables {
  readonly events: EventLog;
  readonly projections: Projections;
  readonly claims: ClaimTable;
  readonly buckets: BucketTable;
  readonly replies: ReplyTable;
  readonly suppressions: SuppressionTable;
  readonly outbox: Outbox;
  readonly erasure: Erasure;
}

export class CommandRunner {
  readonly #tables: CommandTables;

  constructor(tables: CommandTables) {
    this.#tables = tables;
  }

  run(command: Command, env: Environment, effects: BatchEffects): Outcome<unknown> {
    const aggregate = aggregateOf(command);
    const decider = deciderOf(aggregate.type);
    const before = this.#tables.events.find(aggregate);
    const state = before?.state ?? decider.initial;
    const facts = this.#read(decider.needs(state, command, env), env.nowMs);
    const decision = decider.decide(state, facts, command, env);
    const recording = recordingOf(aggregate, state, decision, env);
    if (recording.events.length > 0) {
      this.#record(aggregate, before, recording);
      this.#tables.projections.apply(aggregate, state, recording.state);
      if (ACCESS_AGGREGATES.has(aggregate.type)) effects.changedAccess = true;
      if (changesUser(aggregate, command, recording)) effects.changedUsers.push(aggregate.id);
    }
    this.#recordBeside(aggregate, decision, env);
    if (decision.outbox.length > 0) effects.queuedMail = true;
    return decision.outcome;
  }

  #read(keys: readonly FactKey[], nowMs: number): Facts {
    const tables = this.#tables;
    const claims = new Map<string, string>();
    const organizations = new Map<string, OrganizationSettings>();
    const serviceAccounts = new Map<string, ServiceAccountState>();
    const buckets = new Map<string, BucketUse>();
    const suppressions = new Set<string>();
    const replies = new Map<string, KeptReply>();
    for (const key of keys) {
      switch (key.kind) {
        case "claim":
          put(claims, claimText(key.claim), tables.claims.holderOf(key.claim));
          break;
        case "organization":
          put(
            organizations,
            key.organizationId,
            tables.events.stateOf("organization", key.organizationId)?.settings,
          );
          break;
        case "serviceAccount":
          put(
            serviceAccounts,
            key.serviceAccountId,
            tables.events.stateOf("service_account", key.serviceAccountId),
          );
          break;
        case "suppression":
          if (tables.suppressions.has(key.suppression)) suppressions.add(suppressionText(key.suppression));
          break;
        case "reply":
          put(replies, key.scope, tables.replies.find(key.scope, nowMs));
          break;
        case "bucket":
          put(buckets, key.bucket, tables.buckets.find(key.bucket, nowMs));
          break;
      }
    }
    return { claims, organizations, serviceAccounts, buckets, suppressions, replies };
  }

  #record(aggregate: AggregateId, before: Snapshot | undefined, recording: Recording): void {
    this.#tables.events.append(aggregate, before, recording);
    const removal = recording.events.find(removesUser);
    if (removal !== undefined) this.#tables.erasure.note(aggregate.id, removal.createdAtMs);
  }

  #recordBeside(aggregate: AggregateId, decision: Decision<DomainEvent, unknown>, env: Environment): void {
    const { claims, buckets, outbox, replies } = this.#tables;
    for (const claim of decision.claims) claims.change(claim, aggregate.id);
    for (const debit of decision.debits) buckets.debit(debit, env.nowMs);
    for (const entry of decision.outbox) outbox.add(entry, env.nowMs);
    if (decision.keep !== undefined) replies.add(decision.keep);
  }
}

function put<Value>(facts: Map<string, Value>, key: string, value: Value | undefined): void {
  if (value !== undefined) facts.set(key, value);
}
