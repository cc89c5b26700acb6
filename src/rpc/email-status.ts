/** Where a user's address is on its way to being verified, for those who may know. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { EmailStatusSchema } from "../../gen/countersign/v1/verification_service_pb.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Store } from "../store/store.ts";
import { checkPermission, type Caller } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { exists, liveCodes, type UserState } from "../verification/user/state.ts";

export interface EmailStatusSources {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
}

/** @throws FailureError QUERY_USER_NOT_FOUND, or what the caller lacks */
export async function readEmailStatus(
  { store, environments }: EmailStatusSources,
  userId: string,
  caller: Caller,
): Promise<ReturnType<typeof wireEmailStatus>> {
  const state = await store.findUser(userId);
  if (state === undefined || !exists(state)) throw new FailureError(failure("QUERY_USER_NOT_FOUND"));
  const target = { organizationId: state.organizationId, userId };
  const denied = checkPermission(caller, "user.read", target, "allowed");
  if (denied !== undefined) throw new FailureError(denied);
  return wireEmailStatus(userId, state, environments.nowMs());
}

/** @param nowMs by which codes end, in milliseconds since the Unix epoch */
function wireEmailStatus(userId: string, state: UserState, nowMs: number) {
  const [newest] = liveCodes(state, nowMs);
  return {
    userId,
    organizationId: state.organizationId,
    address: state.email.address,
    isVerified: state.email.isVerified,
    ...(newest !== undefined && { codeExpireTime: timestampFromMs(newest.expiresAtMs) }),
    sequence: BigInt(state.sequence),
    changeTime: timestampFromMs(state.changedAtMs),
  } satisfies MessageInitShape<typeof EmailStatusSchema>;
}
