/** The calls that set an address or issue a code for it. */
import { accept, refuse, type Decision, type Facts, type OutboxEntry } from "../decider.ts";
import { parseMailbox } from "../email-address.ts";
import type { Environment } from "../environment.ts";
import { failure, type Failure } from "../failures.ts";
import { checkSuppression } from "../suppression.ts";
import { checkLinkTemplate } from "../url-template.ts";
import { addressNotice } from "./address-notice.ts";
import type { CodeVerification, EmailChange, UserCommand, UserReply, Verification } from "./commands.ts";
import { checkEmailPermission, type Owner } from "./email-permission.ts";
import type { UserEvent } from "./events.ts";
import { linkHostProblem } from "./organization-links.ts";
import { replyAfter } from "./reply.ts";
import { exists, type UserState } from "./state.ts";

type UserDecision = Decision<UserEvent, UserReply>;

/** Events and the mail of an accepted change, or why it is refused. */
type EmailChanges =
  | { readonly ok: true; readonly events: readonly UserEvent[]; readonly outbox: readonly OutboxEntry[] }
  | { readonly ok: false; readonly failure: Failure };

const NANOSECONDS_PER_MILLISECOND = 1_000_000;

export function decideSetEmail(
  state: UserState,
  facts: Facts,
  command: Extract<UserCommand, { type: "email.set" }>,
  env: Environment,
): UserDecision {
  const refused = checkEmailCall(state, command.userId, command.verification, facts, env);
  if (refused !== undefined) return refuse(refused);
  const parsed = parseAddress(command.address);
  if (!parsed.ok) return refuse(parsed.failure);
  if (parsed.address === state.email.address) return refuse(failure("EMAIL_NOT_CHANGED"));
  const owner = { userId: command.userId, organizationId: state.organizationId };
  const takesNoMail = mailProblem(parsed.address, command.verification, owner, facts, env);
  if (takesNoMail !== undefined) return refuse(takesNoMail);
  const { events, outbox } = changeAddress(state, parsed.address, command.verification, owner, facts, env);
  return accept(replyAfter(state, events, env), { events, outbox });
}

export function decideSendCode(
  state: UserState,
  facts: Facts,
  command: Extract<UserCommand, { type: "email.sendCode" }>,
  env: Environment,
): UserDecision {
  const refused = checkEmailCall(state, command.userId, command.verification, facts, env);
  return refused === undefined ? issueCode(state, facts, command, env) : refuse(refused);
}

export function decideResendCode(
  state: UserState,
  facts: Facts,
  command: Extract<UserCommand, { type: "email.resendCode" }>,
  env: Environment,
): UserDecision {
  const refused = checkEmailCall(state, command.userId, command.verification, facts, env);
  if (refused !== undefined) return refuse(refused);
  if (state.code === null) return refuse(failure("NO_CODE_TO_RESEND"));
  return issueCode(state, facts, command, env);
}

/** The e-mail part of creating a user, whose permission and existence were checked already. */
export function firstEmailEvents(
  change: EmailChange,
  owner: Owner,
  facts: Facts,
  env: Environment,
):
  | (EmailChanges & { ok: true; readonly address: string })
  | { readonly ok: false; readonly failure: Failure } {
  const badTemplate =
    templateProblem(change.verification, owner, env) ?? linkHostProblem(change.verification, owner, facts);
  if (badTemplate !== undefined) return { ok: false, failure: badTemplate };
  const parsed = parseAddress(change.address);
  if (!parsed.ok) return parsed;
  const takesNoMail = mailProblem(parsed.address, change.verification, owner, facts, env);
  if (takesNoMail !== undefined) return { ok: false, failure: takesNoMail };
  const { events, outbox } = verificationEvents(parsed.address, change.verification, owner, env);
  return { ok: true, events, outbox, address: parsed.address };
}

/** The e-mail part of updating a user: an unchanged address is no error here, unlike in SetEmail. */
export function decideUpdateEmail(
  state: UserState,
  facts: Facts,
  change: EmailChange & { readonly userId: string },
  env: Environment,
): EmailChanges {
  const refused = checkEmailCall(state, change.userId, change.verification, facts, env);
  if (refused !== undefined) return { ok: false, failure: refused };
  const parsed = parseAddress(change.address);
  if (!parsed.ok) return parsed;
  if (parsed.address !== state.email.address) {
    const owner = { userId: change.userId, organizationId: state.organizationId };
    const takesNoMail = mailProblem(parsed.address, change.verification, owner, facts, env);
    if (takesNoMail !== undefined) return { ok: false, failure: takesNoMail };
    return { ok: true, ...changeAddress(state, parsed.address, change.verification, owner, facts, env) };
  }
  const verifies = change.verification.kind === "verified" && !state.email.isVerified;
  return {
    ok: true,
    events: verifies ? [{ type: "user.human.email.verified", payload: {} }] : [],
    outbox: [],
  };
}

/** The checks that all e-mail calls share, in ZITADEL's order. */
function checkEmailCall(
  state: UserState,
  userId: string,
  verification: Verification,
  facts: Facts,
  env: Environment,
): Failure | undefined {
  const owner = { userId, organizationId: state.organizationId };
  const badTemplate = templateProblem(verification, owner, env);
  if (badTemplate !== undefined) return badTemplate;
  if (userId === "") return failure("EMAIL_USER_ID_MISSING");
  if (!exists(state)) return failure("EMAIL_NOT_FOUND");
  if (state.status === "initial") return failure("USER_NOT_INITIALISED");
  return checkEmailPermission(env.caller, verification, owner) ?? linkHostProblem(verification, owner, facts);
}

/**
 * Comes first in every call that carries a template.
 *
 * @param owner of an unknown user, no more than its id
 */
export function templateProblem(
  verification: Verification,
  owner: Owner,
  env: Environment,
): Failure | undefined {
  if (verification.kind !== "send" || verification.urlTemplate === undefined) return undefined;
  const checked = checkLinkTemplate(verification.urlTemplate, env.policy.links, owner);
  return checked.ok ? undefined : checked.failure;
}

function parseAddress(
  text: string,
): { readonly ok: true; readonly address: string } | { readonly ok: false; readonly failure: Failure } {
  if (text.trim() === "") return { ok: false, failure: failure("EMAIL_EMPTY") };
  const parsed = parseMailbox(text);
  if (!parsed.ok)
    return { ok: false, failure: failure("EMAIL_INVALID", { metadata: { problem: parsed.problem } }) };
  if (parsed.mailbox.displayName !== undefined)
    return { ok: false, failure: failure("EMAIL_HAS_DISPLAY_NAME") };
  return { ok: true, address: parsed.mailbox.address };
}

function issueCode(
  state: UserState,
  facts: Facts,
  command: { readonly userId: string; readonly verification: CodeVerification },
  env: Environment,
): UserDecision {
  const owner = { userId: command.userId, organizationId: state.organizationId };
  const takesNoMail = mailProblem(state.email.address, command.verification, owner, facts, env);
  if (takesNoMail !== undefined) return refuse(takesNoMail);
  const { events, outbox } = verificationEvents(state.email.address, command.verification, owner, env);
  return accept(replyAfter(state, events, env), { events, outbox });
}

/** Codes that are handed to the caller, and addresses that it vouches for, need no mailbox that works. */
function mailProblem(
  address: string,
  verification: Verification,
  { organizationId }: Owner,
  facts: Facts,
  env: Environment,
): Failure | undefined {
  return verification.kind === "send" ? checkSuppression({ organizationId, address }, facts, env) : undefined;
}

function changeAddress(
  state: UserState,
  address: string,
  verification: Verification,
  owner: Owner,
  facts: Facts,
  env: Environment,
) {
  const { events, outbox } = verificationEvents(address, verification, owner, env);
  const changed: UserEvent = { type: "user.human.email.changed", payload: { email: address } };
  const notice = addressNotice(state, address, owner, facts, env);
  return { events: [changed, ...events], outbox: [...outbox, ...notice] };
}

/** What a verification choice does to an address that was just set, or is set already. */
function verificationEvents(
  address: string,
  verification: Verification,
  owner: Owner,
  env: Environment,
): { events: UserEvent[]; outbox: OutboxEntry[] } {
  if (verification.kind === "none") return { events: [], outbox: [] };
  if (verification.kind === "verified") {
    return { events: [{ type: "user.human.email.verified", payload: {} }], outbox: [] };
  }
  const { newCode, policy, nowMs } = env;
  if (newCode === undefined) throw new TypeError("a command that issues a code needs environment.newCode");
  const urlTemplate =
    (verification.kind === "send" ? verification.urlTemplate : undefined) ?? policy.defaultUrlTemplate;
  const added: UserEvent = {
    type: "user.human.email.code.added",
    payload: {
      codeId: newCode.codeId,
      code: newCode.mac,
      expiry: policy.codeTtlMs * NANOSECONDS_PER_MILLISECOND,
      url_template: urlTemplate,
      ...(verification.kind === "return" && { code_returned: true }),
      ...(policy.liveCodes > 1 && { live_codes: policy.liveCodes }),
    },
  };
  if (verification.kind === "return") return { events: [added], outbox: [] };
  if (newCode.delivery === undefined)
    throw new TypeError("a command that mails a code needs newCode.delivery");
  const mail: OutboxEntry = {
    ...newCode.delivery,
    codeId: newCode.codeId,
    userId: owner.userId,
    organizationId: owner.organizationId,
    recipient: address,
    urlTemplate,
    expiresAtMs: nowMs + policy.codeTtlMs,
  };
  return { events: [added], outbox: [mail] };
}
