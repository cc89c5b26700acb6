/** grpc-js with a handler that answers a fixed message. */
import { FIXED_CODE } from "./fixed-reply.ts";
import { serveGrpcJs } from "./grpc-js.ts";

const reply = {
  details: {
    sequence: 123,
    changeDate: { seconds: 1_767_323_045, nanos: 678_000_000 },
    resourceOwner: "100000000000000001",
  },
  verificationCode: FIXED_CODE,
};

serveGrpcJs((_call, answer) => answer(null, reply));
