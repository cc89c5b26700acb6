/**
 * Gives each call that sends a code, or adds somebody, a key of its own (draft-ietf-httpapi-idempotency-key-header), so
 * that sending the call again sends no second mail: the service answers it as it answered the first time.
 */
import type { DescMethod } from "@bufbuild/protobuf";
import type { Interceptor } from "@connectrpc/connect";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";

export const IDEMPOTENCY_KEY_HEADER = "Idempotency-Key";

const { setEmail, sendEmailCode, resendEmailCode, addHumanUser, createUser } = UserService.method;
const KEYED: ReadonlySet<DescMethod> = new Set([
  setEmail,
  sendEmailCode,
  resendEmailCode,
  addHumanUser,
  createUser,
]);

/**
 * A key that the caller set itself is kept: that one also makes pressing a button twice one call.
 *
 * @param newKey 1 to 255 visible ASCII characters, never the same ones again
 */
export function withIdempotencyKey(newKey: () => string = randomKey): Interceptor {
  return (next) => (request) => {
    if (KEYED.has(request.method) && !request.header.has(IDEMPOTENCY_KEY_HEADER)) {
      request.header.set(IDEMPOTENCY_KEY_HEADER, newKey());
    }
    return next(request);
  };
}

const KEY_BYTES = 16;

/** crypto.randomUUID is for TLS and this machine alone; pages under development are opened in other ways too. */
function randomKey(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(KEY_BYTES));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}
