/**
 * Calls that may be sent again: under one Idempotency-Key a call has one effect, however often it arrives.
 *
 * A command that carries a key asks, beside its own facts, for the success that is kept under that key. Then
 * - there is none: the command is decided as always. A success is kept, in the transaction of its events; a refusal is
 *   not, so that the caller may mend what was wrong and try again under the same key;
 * - it belongs to the same request: it is answered once more, to a caller that still has the permission, for the answer
 *   may hold a code. Nothing else is looked at, counted or changed, so the answer is the same even where the rules would
 *   refuse the call by now;
 * - it belongs to another request: that is a mistake of the caller, and refused.
 *
 * Writes of a store come one after the other, so of equal calls at one time the first does the work and the others find
 * what it left. There is no state between "not yet" and "done" that a crash could leave behind.
 */
import {
  refuse,
  type Decider,
  type Decision,
  type Facts,
  type KeptReply,
  type ReplyToKeep,
} from "../decider.ts";
import type { Environment } from "../environment.ts";
import { failure } from "../failures.ts";
import type { IdempotencyKey, UserCommand, UserReply } from "./commands.ts";
import { checkRepeatPermission } from "./email-permission.ts";
import type { UserEvent } from "./events.ts";
import type { UserState } from "./state.ts";

type UserDecider = Decider<UserState, UserCommand, UserEvent, UserReply>;
type UserDecision = Decision<UserEvent, UserReply>;

/** How long an answer can be had again, in milliseconds. */
export const REPLY_KEPT_MS = 24 * 60 * 60 * 1_000;

/** @param decider costs nothing more for commands without a key */
export function withIdempotency(decider: UserDecider): UserDecider {
  return {
    ...decider,
    needs(state, command, env) {
      const keys = decider.needs(state, command, env);
      const { idempotency } = command;
      return idempotency === undefined ? keys : [...keys, { kind: "reply", scope: idempotency.scope }];
    },
    decide(state, facts, command, env) {
      const { idempotency } = command;
      if (idempotency === undefined) return decider.decide(state, facts, command, env);
      const repeated = repeat(command, idempotency, facts, env);
      if (repeated !== undefined) return repeated;
      const decision = decider.decide(state, facts, command, env);
      if (!decision.outcome.ok) return decision;
      const kept = replyToKeep(idempotency, command.userId, decision.outcome.reply, env.nowMs);
      return { ...decision, keep: kept };
    },
  };
}

function repeat(
  command: UserCommand,
  { scope, fingerprint }: IdempotencyKey,
  facts: Facts,
  { caller, nowMs }: Environment,
): UserDecision | undefined {
  const kept = facts.reply(scope, nowMs);
  if (kept === undefined) return undefined;
  if (kept.fingerprint !== fingerprint) return refuse(failure("IDEMPOTENCY_KEY_REUSED"));
  // Of the kept user, not of the command's: that is another one where an id was made for a user to be added.
  const owner = { userId: kept.userId, organizationId: kept.details.resourceOwner };
  const denied = checkRepeatPermission(caller, command, owner);
  if (denied !== undefined) return refuse(denied);
  return { events: [], outbox: [], debits: [], claims: [], outcome: { ok: true, reply: replayOf(kept) } };
}

function replayOf({ userId, details, sealedCode }: KeptReply): UserReply {
  const replay = { userId, ...(sealedCode !== null && { sealedCode }) };
  return { details, returnsCode: sealedCode !== null, replay };
}

function replyToKeep(
  { scope, fingerprint, sealedCode }: IdempotencyKey,
  userId: string,
  { details, returnsCode }: UserReply,
  nowMs: number,
): ReplyToKeep {
  if (returnsCode && sealedCode === undefined) {
    throw new TypeError("a command with an idempotency key that returns a code needs the code sealed");
  }
  return {
    scope,
    fingerprint,
    userId,
    details,
    sealedCode: returnsCode ? (sealedCode ?? null) : null,
    expiresAtMs: nowMs + REPLY_KEPT_MS,
  };
}
