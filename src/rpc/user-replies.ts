/** From the domain's answers to the messages of user.v2. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { DetailsSchema } from "../../gen/zitadel/object/v2/object_pb.ts";
import { UserState as WireState, type UserSchema } from "../../gen/zitadel/user/v2/user_pb.ts";
import type { Details } from "../verification/user/commands.ts";
import type { UserState, UserStatus } from "../verification/user/state.ts";

export const WIRE_STATES: Record<UserStatus, WireState> = {
  unknown: WireState.UNSPECIFIED,
  initial: WireState.INITIAL,
  active: WireState.ACTIVE,
  inactive: WireState.INACTIVE,
  locked: WireState.LOCKED,
  deleted: WireState.DELETED,
};

export function wireDetails(details: Details): MessageInitShape<typeof DetailsSchema> {
  return {
    sequence: BigInt(details.sequence),
    changeDate: timestampFromMs(details.changedAtMs),
    resourceOwner: details.resourceOwner,
  };
}

export function detailsOf(state: UserState): Details {
  return { sequence: state.sequence, changedAtMs: state.changedAtMs, resourceOwner: state.organizationId };
}

/** As ZITADEL fills it: names and state on the outer message only, profile fields always set, `phone` present. */
export function wireUser(userId: string, state: UserState): MessageInitShape<typeof UserSchema> {
  const { profile, email, username } = state;
  return {
    userId,
    details: wireDetails(detailsOf(state)),
    state: WIRE_STATES[state.status],
    username,
    loginNames: [username],
    preferredLoginName: username,
    type: {
      case: "human",
      value: {
        profile: { ...profile, preferredLanguage: profile.preferredLanguage || "und" },
        email: { email: email.address, isVerified: email.isVerified },
        phone: {},
      },
    },
  };
}
