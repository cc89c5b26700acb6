/** countersign.v1.VerificationService: what apps ask while a person verifies an address. */
import type { MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type {
  EmailStatusSchema,
  VerificationService,
} from "../../gen/countersign/v1/verification_service_pb.ts";
import { maskAddress } from "../observability/mask-address.ts";
import type { EnvironmentFactory } from "../store/environment-factory.ts";
import type { Store } from "../store/store.ts";
import { checkPermission } from "../verification/caller.ts";
import { failure, FailureError } from "../verification/failures.ts";
import { exists, liveCodes, type UserState } from "../verification/user/state.ts";
import { clientOf } from "./code-client.ts";
import type { UnaryService } from "./service-table.ts";

export interface VerificationServiceOptions {
  readonly store: Store;
  readonly environments: EnvironmentFactory;
}

export function createVerificationService({
  store,
  environments,
}: VerificationServiceOptions): UnaryService<typeof VerificationService> {
  return {
    async checkCode({ userId, verificationCode }, call) {
      const candidates = environments.candidateMacs(userId, verificationCode);
      const command = { type: "email.checkCode", userId, candidates, client: clientOf(call) } as const;
      const { checked } = await store.execute(command, environments.plain(call.caller, call));
      if (checked === undefined) throw new TypeError("a checked code came back without what it is good for");
      return {
        maskedAddress: maskAddress(checked.address),
        expireTime: timestampFromMs(checked.expiresAtMs),
        isUsed: checked.isUsed,
      };
    },

    async getEmailStatus({ userId }, call) {
      const state = await store.findUser(userId);
      if (state === undefined || !exists(state)) throw new FailureError(failure("QUERY_USER_NOT_FOUND"));
      const target = { organizationId: state.organizationId, userId };
      const denied = checkPermission(call.caller, "user.read", target, "allowed");
      if (denied !== undefined) throw new FailureError(denied);
      return { status: wireEmailStatus(userId, state, environments.nowMs()) };
    },
  };
}

/** @param nowMs by which codes end, in milliseconds since the Unix epoch */
export function wireEmailStatus(
  userId: string,
  state: UserState,
  nowMs: number,
): MessageInitShape<typeof EmailStatusSchema> {
  const [newest] = liveCodes(state, nowMs);
  return {
    userId,
    organizationId: state.organizationId,
    address: state.email.address,
    isVerified: state.email.isVerified,
    ...(newest !== undefined && { codeExpireTime: timestampFromMs(newest.expiresAtMs) }),
    sequence: BigInt(state.sequence),
    changeTime: timestampFromMs(state.changedAtMs),
  };
}
