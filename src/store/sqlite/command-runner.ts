/** Runs one command: loads its aggregate, has it decided with the tables at hand, and writes what was decided. */
import {
  aggregateOf,
  deciderOf,
  type AggregateId,
  type AggregateType,
  type Command,
} from "../../verification/aggregates.ts";
import type { Decision, DomainEvent, Facts, Outcome } from "../../verification/decider.ts";
import type { Environment } from "../../verification/environment.ts";
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
  readonly #facts: Facts;

  constructor(tables: CommandTables) {
    this.#tables = tables;
    this.#facts = factsIn(tables);
  }

  run(command: Command, env: Environment, effects: BatchEffects): Outcome<unknown> {
    const aggregate = aggregateOf(command);
    const decider = deciderOf(aggregate.type);
    const before = this.#tables.events.find(aggregate);
    const state = before?.state ?? decider.initial;
    const decision = decider.decide(state, this.#facts, command, env);
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

function factsIn({ events, claims, buckets, replies, suppressions }: CommandTables): Facts {
  return {
    claimHolder: (claim) => claims.holderOf(claim),
    organization: (id) => events.stateOf("organization", id)?.settings,
    serviceAccount: (id) => events.stateOf("service_account", id),
    owners: (organizationId) => events.ownersOf(organizationId),
    isSuppressed: (suppression) => suppressions.has(suppression),
    reply: (scope, nowMs) => replies.find(scope, nowMs),
    bucket: (bucket, nowMs) => buckets.find(bucket, nowMs),
  };
}
