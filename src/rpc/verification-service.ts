/** countersign.v1.VerificationService: what apps ask while a person verifies an address. */
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import type { VerificationService } from "../../gen/countersign/v1/verification_service_pb.ts";
import { maskAddress } from "../observability/mask-address.ts";
import { clientOf } from "./code-client.ts";
import { readEmailStatus } from "./email-status.ts";
import { EmailWatches, type EmailWatchOptions } from "./email-watch.ts";
import type { ServiceMethods } from "./service-table.ts";

export type VerificationServiceOptions = EmailWatchOptions;

export function createVerificationService(
  options: VerificationServiceOptions,
): ServiceMethods<typeof VerificationService> {
  const { store, environments } = options;
  const watches = new EmailWatches(options);
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
      return { status: await readEmailStatus({ store, environments }, userId, call.caller) };
    },

    watchEmail: (request, call) => watches.watch(request, call),
  };
}
