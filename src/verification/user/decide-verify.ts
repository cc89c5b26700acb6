/**
 * VerifyEmail: the code is the credential, the permission is not looked at.
 *
 * An authenticated caller gets ZITADEL's answers, and the true reason in ErrorInfo. An anonymous one gets success or
 * one single refusal, so that it cannot learn who exists. A submission that already succeeded succeeds again, with
 * the same details, while its code has not expired and the address has neither changed nor got a newer code: people
 * press buttons twice.
 */
import { accept, refuse, type Debit, type Decision, type Facts } from "../decider.ts";
import { matchesMac } from "../code.ts";
import type { Environment } from "../environment.ts";
import { failure, type FailureName } from "../failures.ts";
import type { UserCommand, UserReply } from "./commands.ts";
import type { UserEvent } from "./events.ts";
import { attemptsByClient, attemptsInAll } from "./needs.ts";
import { replyAfter } from "./reply.ts";
import { exists, type LiveCode, type UserState } from "./state.ts";

type UserDecision = Decision<UserEvent, UserReply>;
type VerifyCommand = Extract<UserCommand, { type: "email.verify" }>;

export function decideVerify(
  state: UserState,
  facts: Facts,
  command: VerifyCommand,
  env: Environment,
): UserDecision {
  const decision = verify(state, facts, command, env);
  if (env.caller.kind !== "anonymous" || decision.outcome.ok) return decision;
  return { ...decision, outcome: { ok: false, failure: failure("CODE_INVALID") } };
}

function verify(state: UserState, facts: Facts, command: VerifyCommand, env: Environment): UserDecision {
  if (command.userId === "") return refuse(failure("EMAIL_USER_ID_MISSING"));
  if (command.candidates.length === 0) return refuse(failure("CODE_MISSING"));
  if (!exists(state)) return refuse(failure("EMAIL_NOT_FOUND"));
  if (state.status === "initial") return refuse(failure("USER_NOT_INITIALISED"));
  const earlier = repeatedSuccess(state, command, env);
  if (earlier !== undefined) return accept(earlier);

  const { code } = state;
  if (code === null) return failedTry("NO_CODE", {});
  if (isUsedUp(code, facts, command, env)) return refuse(failure("CODE_USED_UP"));
  const matches = matchesMac(code.mac, command.candidates);
  const isExpired = code.expiresAtMs < env.nowMs;
  if (matches && !isExpired) {
    const events: UserEvent[] = [{ type: "user.human.email.verified", payload: { codeId: code.codeId } }];
    return accept(replyAfter(state, events, env), { events });
  }
  return failedTry(
    isExpired ? "CODE_EXPIRED" : "CODE_INVALID",
    { codeId: code.codeId },
    debits(code, command),
  );
}

/** The answer that this submission got when it succeeded, if it did. */
function repeatedSuccess(state: UserState, command: VerifyCommand, env: Environment): UserReply | undefined {
  const { spentCode } = state;
  if (spentCode === null || spentCode.expiresAtMs < env.nowMs) return undefined;
  if (!matchesMac(spentCode.mac, command.candidates)) return undefined;
  const { sequence, verifiedAtMs } = spentCode;
  const details = { sequence, changedAtMs: verifiedAtMs, resourceOwner: state.organizationId };
  return { details, returnsCode: false };
}

function isUsedUp(code: LiveCode, facts: Facts, command: VerifyCommand, env: Environment): boolean {
  const used = (bucket: string) => facts.buckets.get(bucket) ?? 0;
  return (
    used(attemptsByClient(code.codeId, command.client)) >= env.policy.maxAttemptsPerClient ||
    used(attemptsInAll(code.codeId)) >= env.policy.maxAttemptsPerCode
  );
}

function debits(code: LiveCode, command: VerifyCommand): Debit[] {
  const { codeId } = code;
  // One longer than the code, which still works in the millisecond it expires at.
  const expiresAtMs = code.expiresAtMs + 1;
  return [
    { bucket: attemptsByClient(codeId, command.client), amount: 1, expiresAtMs },
    { bucket: attemptsInAll(codeId), amount: 1, expiresAtMs },
  ];
}

function failedTry(
  name: FailureName,
  payload: { readonly codeId?: string },
  paid: readonly Debit[] = [],
): UserDecision {
  return refuse(failure(name), {
    events: [{ type: "user.human.email.verification.failed", payload }],
    debits: paid,
  });
}
