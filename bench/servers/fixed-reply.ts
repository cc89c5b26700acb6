/** What servers without a database answer: as long as the real one, made once. */
import { create, toBinary } from "@bufbuild/protobuf";
import { SendEmailCodeResponseSchema } from "../../gen/zitadel/user/v2/email_pb.ts";

export const FIXED_DETAILS = {
  sequence: "123",
  changeDate: "2026-01-02T03:04:05.678Z",
  resourceOwner: "100000000000000001",
};
export const FIXED_CODE = "ABCDEF";

export const FIXED_REPLY = create(SendEmailCodeResponseSchema, {
  details: {
    sequence: BigInt(FIXED_DETAILS.sequence),
    changeDate: { seconds: 1_767_323_045n, nanos: 678_000_000 },
    resourceOwner: FIXED_DETAILS.resourceOwner,
  },
  verificationCode: FIXED_CODE,
});

/** One message of gRPC: a flag, the length, the bytes. */
export function fixedFrame(): Buffer {
  const message = toBinary(SendEmailCodeResponseSchema, FIXED_REPLY);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}
