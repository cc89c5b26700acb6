/** The user as a decider. */
import type { Decider } from "../decider.ts";
import type { UserCommand, UserReply } from "./commands.ts";
import { decide } from "./decide.ts";
import type { UserEvent } from "./events.ts";
import { evolve } from "./evolve.ts";
import { withIdempotency } from "./idempotency.ts";
import { needs } from "./needs.ts";
import { withSendLimits } from "./send-limits.ts";
import { UNKNOWN_USER, type UserState } from "./state.ts";

export const userDecider: Decider<UserState, UserCommand, UserEvent, UserReply> = withIdempotency(
  withSendLimits({ initial: UNKNOWN_USER, evolve, needs, decide }),
);
