/**
 * CheckCode: what VerifyEmail would say, asked beforehand.
 *
 * The decision is VerifyEmail's own, less its success. A code that would verify costs nothing and changes nothing; any
 * other submission is a wrong try at the same counters, with the same event, the same refusal and at the same cost. So
 * whoever guesses gains nothing by asking first, and an anonymous caller learns no more here than there.
 */
import { accept, type Decision, type Facts } from "../decider.ts";
import type { Environment } from "../environment.ts";
import type { CheckedCode, SubmittedCode, UserReply } from "./commands.ts";
import { decideVerify, submittedCode } from "./decide-verify.ts";
import type { UserEvent } from "./events.ts";
import { replyAfter } from "./reply.ts";
import type { UserState } from "./state.ts";

export function decideCheckCode(
  state: UserState,
  facts: Facts,
  command: SubmittedCode,
  env: Environment,
): Decision<UserEvent, UserReply> {
  const decision = decideVerify(state, facts, command, env);
  const known = submittedCode(state, command.candidates);
  if (!decision.outcome.ok || known === undefined) return decision;
  const checked: CheckedCode = {
    address: state.email.address,
    expiresAtMs: known.expiresAtMs,
    isUsed: "verifiedAtMs" in known,
  };
  return accept({ ...replyAfter(state, [], env), checked });
}
