/** The answer of a command: where its events leave the user. */
import type { Environment } from "../environment.ts";
import type { UserReply } from "./commands.ts";
import type { UserEvent } from "./events.ts";
import type { UserState } from "./state.ts";

/** Without events the details are those of the user's last event. */
export function replyAfter(state: UserState, events: readonly UserEvent[], env: Environment): UserReply {
  return {
    details: {
      sequence: state.sequence + events.length,
      changedAtMs: events.length > 0 ? env.nowMs : state.changedAtMs,
      resourceOwner: state.organizationId,
    },
    returnsCode: events.some(
      (event) => event.type === "user.human.email.code.added" && event.payload.code_returned === true,
    ),
  };
}
