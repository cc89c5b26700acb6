/** SendEmailCode with grpc-js and better-sqlite3, written plainly. */
import { status } from "@grpc/grpc-js";
import { serveGrpcJs } from "./grpc-js.ts";
import { PEER } from "./peer-arguments.ts";
import { PlainStore } from "./plain-store.ts";

const store = new PlainStore(PEER.path, PEER.users, PEER.token);

serveGrpcJs(({ metadata, request }, answer) => {
  const [authorization] = metadata.get("authorization");
  if (!store.isAllowed(authorization?.toString())) {
    answer({ code: status.UNAUTHENTICATED, details: "unknown token" });
    return;
  }
  const sent = store.sendCode(request.userId);
  if (sent === undefined) {
    answer({ code: status.NOT_FOUND, details: "no such user" });
    return;
  }
  const { sequence, changedAtMs, code } = sent;
  const seconds = Math.floor(changedAtMs / 1_000);
  answer(null, {
    details: {
      sequence,
      changeDate: { seconds, nanos: (changedAtMs % 1_000) * 1e6 },
      resourceOwner: "default",
    },
    verificationCode: code,
  });
});
