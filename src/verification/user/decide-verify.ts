/**
 * VerifyEmail: the code is the credential, the permission is not looked at.
 *
 * An authenticated caller gets ZITADEL's answers; one that may read the user, the true reason in ErrorInfo as well, which
 * says what became of the user's codes. An anonymous one gets success or one single refusal, so that it cannot learn who
 * exists; each of its refusals compares as many MACs and takes as long to write as any other.
 *
 * A wrong try at a code that can be used is an event; without such a code, or with its tries spent (see attempts.ts),
 * only a counter is raised.
 *
 * A submission that already succeeded succeeds again, with the same details, while its code has not expired and the
 * address has neither changed nor got a newer code nor been vouched for: people press buttons twice.
 */
import { checkPermission } from "../caller.ts";
import { accept, refuse, type Decision, type Facts } from "../decider.ts";
import { matchesMac, type CodeMac } from "../code.ts";
import type { Environment } from "../environment.ts";
import { failure, failureMessage, type Failure } from "../failures.ts";
import { budgetsOf, debitsOf, triesLeft, type Budget } from "./attempts.ts";
import type { SubmittedCode, UserReply } from "./commands.ts";
import type { UserEvent } from "./events.ts";
import { replyAfter } from "./reply.ts";
import {
  exists,
  liveCodes,
  OLDER_CODES_KEPT,
  type OlderCode,
  type SpentCode,
  type UserState,
  type WaitingCode,
} from "./state.ts";

type UserDecision = Decision<UserEvent, UserReply>;

export function decideVerify(
  state: UserState,
  facts: Facts,
  command: SubmittedCode,
  env: Environment,
): UserDecision {
  const decision = verify(state, facts, command, env);
  if (decision.outcome.ok || mayKnow(decision.outcome.failure, state, command, env)) return decision;
  return { ...decision, outcome: { ok: false, failure: failure("CODE_INVALID") } };
}

/** Whether the caller may be told why a submission was refused. */
function mayKnow(
  { name }: Failure,
  { organizationId }: UserState,
  { userId }: SubmittedCode,
  { caller }: Environment,
): boolean {
  if (caller.kind === "anonymous") return false;
  const isAboutCode = failureMessage(failure(name)) === failureMessage(failure("CODE_INVALID"));
  return (
    !isAboutCode || checkPermission(caller, "user.read", { organizationId, userId }, "allowed") === undefined
  );
}

function verify(state: UserState, facts: Facts, command: SubmittedCode, env: Environment): UserDecision {
  const known = submittedCode(state, command.candidates);
  const refuseFutile = (why: Failure) =>
    refuse<UserEvent, UserReply>(why, { debits: debitsOf([], 0, command, env) });

  const unfit = unfitness(state, command);
  if (unfit !== undefined) {
    // An authenticated caller is told who exists, so it may know by the time as well.
    return env.caller.kind === "anonymous" ? refuseFutile(unfit) : refuse(unfit);
  }
  const budgets = budgetsOf(state, command, env);
  if (budgets.length === 0) return refuseFutile(whyNot(known, state, env));
  const spent = budgets.filter((budget) => triesLeft(budget, facts, env.nowMs) <= 0);
  if (spent.length > 0) return refuseFutile(usedUp(spent, budgets, facts, command, env));

  const live = liveCodes(state, env.nowMs);
  if (known !== undefined && live.some(({ codeId }) => codeId === known.codeId)) {
    const events: UserEvent[] = [{ type: "user.human.email.verified", payload: { codeId: known.codeId } }];
    return accept(replyAfter(state, events, env), { events });
  }
  if (isRepeatable(known, env)) return accept(replyAgain(known, state));

  const [newest] = live;
  const events: UserEvent[] =
    newest === undefined
      ? []
      : [{ type: "user.human.email.verification.failed", payload: { codeId: newest.codeId } }];
  const left = Math.min(...budgets.map((budget) => triesLeft(budget, facts, env.nowMs))) - 1;
  return refuse(whyNot(known, state, env, left), {
    events,
    debits: debitsOf(budgets, events.length, command, env),
  });
}

/** What refuses the call whatever the code is. */
function unfitness(state: UserState, command: SubmittedCode): Failure | undefined {
  if (command.userId === "") return failure("EMAIL_USER_ID_MISSING");
  if (command.candidates.length === 0) return failure("CODE_MISSING");
  if (!exists(state)) return failure("EMAIL_NOT_FOUND");
  return state.status === "initial" ? failure("USER_NOT_INITIALISED") : undefined;
}

type KnownCode = WaitingCode | OlderCode | SpentCode;

/** Compared with where there is no code to compare with; the MAC of nothing. */
const NO_CODE: WaitingCode = {
  codeId: "",
  mac: { keyId: "", mac: Buffer.alloc(32).toString("base64") },
  expiresAtMs: 0,
};

/** The user's code that was submitted. Makes the same number of comparisons for every user. */
export function submittedCode(
  { code, spentCode, olderCodes }: UserState,
  candidates: readonly CodeMac[],
): KnownCode | undefined {
  const codes: KnownCode[] = [code ?? spentCode ?? NO_CODE, ...olderCodes];
  while (codes.length <= OLDER_CODES_KEPT) codes.push(NO_CODE);
  const matching = codes.filter(({ mac }) => matchesMac(mac, candidates));
  return matching[0];
}

function isRepeatable(known: KnownCode | undefined, env: Environment): known is SpentCode {
  return known !== undefined && "verifiedAtMs" in known && known.expiresAtMs >= env.nowMs;
}

/** The answer that this submission got when it succeeded. */
function replyAgain({ sequence, verifiedAtMs }: SpentCode, state: UserState): UserReply {
  const details = { sequence, changedAtMs: verifiedAtMs, resourceOwner: state.organizationId };
  return { details, returnsCode: false };
}

/** Why the code that was submitted does not verify. */
function whyNot(known: KnownCode | undefined, state: UserState, env: Environment, left?: number): Failure {
  if (known !== undefined) {
    if ("verifiedAtMs" in known) return failure("CODE_ALREADY_USED");
    const end = "end" in known ? known.end : undefined;
    const isOver = known.expiresAtMs < env.nowMs;
    if (end === undefined) return failure("CODE_EXPIRED");
    if (!isOver) return failure(end === "used" ? "CODE_ALREADY_USED" : "CODE_SUPERSEDED");
  }
  if (liveCodes(state, env.nowMs).length > 0) {
    return failure("CODE_INVALID", left === undefined ? {} : { metadata: { attemptsLeft: String(left) } });
  }
  return failure(state.code === null ? "NO_CODE" : "CODE_EXPIRED");
}

/** Which tries are spent, and from when on there are some again, where waiting helps. */
function usedUp(
  spent: readonly Budget[],
  budgets: readonly Budget[],
  facts: Facts,
  command: SubmittedCode,
  { nowMs }: Environment,
): Failure {
  const perDay = spent.find(({ kind }) => kind === "address");
  if (perDay !== undefined) {
    const untilMs = facts.bucket(perDay.bucket, nowMs)?.expiresAtMs ?? perDay.expiresAtMs;
    return failure("ADDRESS_USED_UP", {
      metadata: { limit: "address" },
      retryAfterMs: untilMs - nowMs,
      quota: {
        subject: `user:${command.userId}/email`,
        description: `${perDay.limit} wrong tries per address and day`,
      },
    });
  }
  const [{ kind, limit }] = spent as [Budget];
  const metadata = { limit: kind };
  // A code that outlives the spent ones can be tried again once they are gone.
  const untilMs = Math.max(...spent.map(({ expiresAtMs }) => expiresAtMs));
  const outlived = budgets.some((budget) => budget.kind !== "address" && budget.expiresAtMs > untilMs);
  if (!outlived) return failure("CODE_USED_UP", { metadata });
  const whose = kind === "client" ? "per code and client" : "per code";
  return failure("CODE_USED_UP", {
    metadata,
    retryAfterMs: untilMs - nowMs,
    quota: { subject: `user:${command.userId}/code`, description: `${limit} wrong tries ${whose}` },
  });
}
