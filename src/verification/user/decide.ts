/**
 * What a user may have done to them, command by command.
 *
 * The order of checks is part of the contract with ZITADEL's clients: link template, user id, existence, initialization,
 * permission, then what is particular to the command. So an unprivileged caller can tell existing from missing users,
 * as in ZITADEL; an anonymous one (VerifyEmail only) cannot, see `decideVerify`.
 */
import { checkPermission, type Permission } from "../caller.ts";
import { accept, refuse, type ClaimChange, type Decision, type Facts } from "../decider.ts";
import type { Environment } from "../environment.ts";
import { failure, type Failure, type FailureName } from "../failures.ts";
import type { LifeCycleCommandType, NewProfile, UserCommand, UserReply } from "./commands.ts";
import {
  decideResendCode,
  decideSendCode,
  decideSetEmail,
  decideUpdateEmail,
  firstEmailEvents,
  templateProblem,
} from "./decide-email.ts";
import { decideCheckCode } from "./decide-check-code.ts";
import { decideVerify } from "./decide-verify.ts";
import { checkAddPermission } from "./email-permission.ts";
import type { UserEvent } from "./events.ts";
import { subjectClaim, usernameClaim, usernameOf } from "./needs.ts";
import { replyAfter } from "./reply.ts";
import { exists, type UserState, type UserStatus } from "./state.ts";
import { userTextProblem } from "./text-problem.ts";

export type UserDecision = Decision<UserEvent, UserReply>;

export function decide(state: UserState, facts: Facts, command: UserCommand, env: Environment): UserDecision {
  switch (command.type) {
    case "user.add":
      return decideAdd(state, facts, command, env);
    case "user.update":
      return decideUpdate(state, facts, command, env);
    case "email.set":
      return decideSetEmail(state, facts, command, env);
    case "email.sendCode":
      return decideSendCode(state, facts, command, env);
    case "email.resendCode":
      return decideResendCode(state, facts, command, env);
    case "email.verify":
      return decideVerify(state, facts, command, env);
    case "email.checkCode":
      return decideCheckCode(state, facts, command, env);
    case "email.recordSent":
      return decideRecordSent(state, command, env);
    default:
      return decideLifeCycle(state, command, env);
  }
}

function decideAdd(
  state: UserState,
  facts: Facts,
  command: Extract<UserCommand, { type: "user.add" }>,
  env: Environment,
): UserDecision {
  const { userId, organizationId, profile } = command;
  if (facts.organization(organizationId) === undefined) return refuse(failure("ORGANIZATION_NOT_FOUND"));
  const denied = checkAddPermission(env.caller, organizationId);
  if (denied !== undefined) return refuse(denied);

  const email = firstEmailEvents(command.email, { userId, organizationId }, facts, env);
  if (!email.ok) return refuse(email.failure);
  const username = usernameOf(command);
  if (username === "") return refuse(failure("USERNAME_EMPTY"));
  const nameProblem = profileProblem(profile) ?? userTextProblem({ userId, username, profile });
  if (nameProblem !== undefined) return refuse(nameProblem);
  const subject = subjectClaim(userId);
  if (state.status !== "unknown" || facts.claimHolder(subject) !== undefined) {
    return refuse(failure("USER_ALREADY_EXISTS"));
  }
  const claimed = usernameClaim(username);
  if (facts.claimHolder(claimed) !== undefined) return refuse(failure("USERNAME_TAKEN"));

  const givenName = profile.givenName.trim();
  const familyName = profile.familyName.trim();
  const added: UserEvent = {
    type: "user.human.added",
    payload: {
      userName: username,
      firstName: givenName,
      lastName: familyName,
      ...(profile.nickName !== undefined && { nickName: profile.nickName }),
      displayName: profile.displayName?.trim() || `${givenName} ${familyName}`,
      ...(profile.preferredLanguage !== undefined && { preferredLanguage: profile.preferredLanguage }),
      ...(profile.gender !== undefined && { gender: profile.gender }),
      email: email.address,
    },
  };
  const events = [added, ...email.events];
  return accept(replyAfter({ ...state, organizationId }, events, env), {
    events,
    outbox: email.outbox,
    claims: [
      { action: "take", ...subject },
      { action: "take", ...claimed },
    ],
    organizationId,
  });
}

function decideUpdate(
  state: UserState,
  facts: Facts,
  command: Extract<UserCommand, { type: "user.update" }>,
  env: Environment,
): UserDecision {
  const owner = { userId: command.userId, organizationId: state.organizationId };
  const badTemplate = command.email && templateProblem(command.email.verification, owner, env);
  if (badTemplate !== undefined) return refuse(badTemplate);
  if (!exists(state)) return refuse(failure("UPDATE_USER_NOT_FOUND"));
  const denied = checkPermission(env.caller, "user.write", owner, "allowed");
  if (denied !== undefined) return refuse(denied);

  const events: UserEvent[] = [];
  const claims: ClaimChange[] = [];
  if (command.username !== undefined) {
    const username = command.username.trim();
    if (username === "") return refuse(failure("USERNAME_EMPTY"));
    const unfit = userTextProblem({ username });
    if (unfit !== undefined) return refuse(unfit);
    const holder = facts.claimHolder(usernameClaim(username));
    if (holder !== undefined && holder !== command.userId) return refuse(failure("USERNAME_TAKEN"));
    if (username !== state.username) {
      events.push({ type: "user.username.changed", payload: { userName: username } });
      claims.push(
        { action: "release", ...usernameClaim(state.username) },
        { action: "take", ...usernameClaim(username) },
      );
    }
  }
  if (command.profile !== undefined) {
    const { profile } = command;
    const nameProblem = profileProblem(profile) ?? userTextProblem({ profile });
    if (nameProblem !== undefined) return refuse(nameProblem);
    const payload = profileChanges(state, profile);
    if (Object.keys(payload).length > 0) events.push({ type: "user.human.profile.changed", payload });
  }
  if (command.email === undefined) return accept(replyAfter(state, events, env), { events, claims });

  const email = decideUpdateEmail(state, facts, { userId: command.userId, ...command.email }, env);
  if (!email.ok) return refuse(email.failure);
  events.push(...email.events);
  return accept(replyAfter(state, events, env), { events, claims, outbox: email.outbox });
}

function profileProblem(profile: Partial<NewProfile>): Failure | undefined {
  if (profile.givenName?.trim() === "") return failure("GIVEN_NAME_EMPTY");
  if (profile.familyName?.trim() === "") return failure("FAMILY_NAME_EMPTY");
  return undefined;
}

function profileChanges(state: UserState, wanted: Partial<NewProfile>) {
  const { profile } = state;
  const changed = <T>(value: T | undefined, stored: T): value is T => value !== undefined && value !== stored;
  const givenName = wanted.givenName?.trim();
  const familyName = wanted.familyName?.trim();
  // A blank display name counts as none, as it does for new users.
  const displayName = wanted.displayName?.trim() || undefined;
  return {
    ...(changed(givenName, profile.givenName) && { firstName: givenName }),
    ...(changed(familyName, profile.familyName) && { lastName: familyName }),
    ...(changed(wanted.nickName, profile.nickName) && { nickName: wanted.nickName }),
    ...(changed(displayName, profile.displayName) && { displayName }),
    ...(changed(wanted.preferredLanguage, profile.preferredLanguage) && {
      preferredLanguage: wanted.preferredLanguage,
    }),
    ...(changed(wanted.gender, profile.gender) && { gender: wanted.gender }),
  };
}

/** A user deleted while its mail was on the way has no more history to write. */
function decideRecordSent(
  state: UserState,
  command: Extract<UserCommand, { type: "email.recordSent" }>,
  env: Environment,
): UserDecision {
  const events: UserEvent[] = exists(state)
    ? [{ type: "user.human.email.code.sent", payload: { codeId: command.codeId } }]
    : [];
  return accept(replyAfter(state, events, env), { events });
}

interface LifeCycleRule {
  readonly permission: Permission;
  readonly idMissing: FailureName;
  readonly notFound: FailureName;
  /** What the user's status refuses. */
  readonly refusals: Partial<Record<UserStatus, FailureName>>;
  readonly event: UserEvent;
}

const LIFE_CYCLE: Record<LifeCycleCommandType, LifeCycleRule> = {
  "user.lock": {
    permission: "user.write",
    idMissing: "LOCK_USER_ID_MISSING",
    notFound: "LOCK_USER_NOT_FOUND",
    refusals: { locked: "LOCK_USER_NOT_ACTIVE", inactive: "LOCK_USER_NOT_ACTIVE" },
    event: { type: "user.locked", payload: {} },
  },
  "user.unlock": {
    permission: "user.write",
    idMissing: "UNLOCK_USER_ID_MISSING",
    notFound: "UNLOCK_USER_NOT_FOUND",
    refusals: {
      active: "UNLOCK_USER_NOT_LOCKED",
      inactive: "UNLOCK_USER_NOT_LOCKED",
      initial: "UNLOCK_USER_NOT_LOCKED",
    },
    event: { type: "user.unlocked", payload: {} },
  },
  "user.deactivate": {
    permission: "user.write",
    idMissing: "DEACTIVATE_USER_ID_MISSING",
    notFound: "DEACTIVATE_USER_NOT_FOUND",
    refusals: { initial: "DEACTIVATE_USER_INITIAL", inactive: "DEACTIVATE_USER_INACTIVE" },
    event: { type: "user.deactivated", payload: {} },
  },
  "user.reactivate": {
    permission: "user.write",
    idMissing: "REACTIVATE_USER_ID_MISSING",
    notFound: "REACTIVATE_USER_NOT_FOUND",
    refusals: {
      active: "REACTIVATE_USER_NOT_INACTIVE",
      locked: "REACTIVATE_USER_NOT_INACTIVE",
      initial: "REACTIVATE_USER_NOT_INACTIVE",
    },
    event: { type: "user.reactivated", payload: {} },
  },
  "user.delete": {
    permission: "user.delete",
    idMissing: "DELETE_USER_ID_MISSING",
    notFound: "DELETE_USER_NOT_FOUND",
    refusals: {},
    event: { type: "user.removed", payload: {} },
  },
};

function decideLifeCycle(
  state: UserState,
  command: { readonly type: LifeCycleCommandType; readonly userId: string },
  env: Environment,
): UserDecision {
  const rule = LIFE_CYCLE[command.type];
  if (command.userId === "") return refuse(failure(rule.idMissing));
  if (!exists(state)) return refuse(failure(rule.notFound));
  const denied = checkLifeCyclePermission(state, command, rule.permission, env);
  if (denied !== undefined) return refuse(denied);
  const refused = rule.refusals[state.status];
  if (refused !== undefined) return refuse(failure(refused));

  const events = [rule.event];
  const claims: ClaimChange[] =
    command.type === "user.delete" ? [{ action: "release", ...usernameClaim(state.username) }] : [];
  return accept(replyAfter(state, events, env), { events, claims });
}

/** Life-cycle calls are an administrator's, but for deleting oneself, which has a permission of its own. */
function checkLifeCyclePermission(
  state: UserState,
  command: { readonly type: LifeCycleCommandType; readonly userId: string },
  permission: Permission,
  env: Environment,
): Failure | undefined {
  const target = { organizationId: state.organizationId, userId: command.userId };
  const deletesItself =
    command.type === "user.delete" && env.caller.kind === "principal" && env.caller.userId === command.userId;
  const denied = checkPermission(env.caller, permission, target, "not allowed");
  if (denied === undefined || !deletesItself) return denied;
  return checkPermission(env.caller, "user.self.delete", target, "not allowed");
}
