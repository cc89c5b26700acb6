/**
 * The header, or metadata key, with which a caller may send a call again: what the request says of it, and what the
 * answer does. The rules are in verification/user/idempotency.ts.
 *
 * The key is known to its caller alone, another's is another key; and each method has keys of its own. The fingerprint
 * is made of the decoded request, values of the path included: JSON and protobuf, REST and gRPC have the same one. Fields
 * that the contract does not know do not count, as JSON has no way to keep them.
 */
import { hash } from "node:crypto";
import { toBinary, type DescMethod, type Message } from "@bufbuild/protobuf";
import { UserService } from "../../gen/zitadel/user/v2/user_service_pb.ts";
import { failure, FailureError } from "../verification/failures.ts";
import type { IdempotencyKey } from "../verification/user/commands.ts";
import type { Call } from "./call.ts";

export const IDEMPOTENCY_KEY_HEADER = "idempotency-key";
/** "true" on an answer that was given before; absent from all others. */
export const REPLAYED_HEADER = "idempotency-replayed";

const { setEmail, sendEmailCode, resendEmailCode, addHumanUser, createUser } = UserService.method;
const KEYED: ReadonlySet<DescMethod> = new Set([
  setEmail,
  sendEmailCode,
  resendEmailCode,
  addHumanUser,
  createUser,
]);

/** Whether the method looks at the header; others take no notice of it. */
export function takesIdempotencyKey(method: DescMethod): boolean {
  return KEYED.has(method);
}

/** Visible ASCII (RFC 5234, VCHAR). A header that came twice has a space after its comma, and is none. */
const KEY = /^[\x21-\x7E]{1,255}$/;

/**
 * @param organizationId where the new user belongs, for calls in which a header may decide that
 * @returns undefined without the header
 * @throws FailureError IDEMPOTENCY_KEY_INVALID
 */
export function idempotencyKeyOf(
  { headers, caller, method }: Pick<Call, "headers" | "caller" | "method">,
  request: Message,
  organizationId = "",
): IdempotencyKey | undefined {
  const key = headers.get(IDEMPOTENCY_KEY_HEADER);
  if (key === null || caller.kind !== "principal" || !takesIdempotencyKey(method)) return undefined;
  if (!KEY.test(key)) {
    const fields = [
      { field: IDEMPOTENCY_KEY_HEADER, description: "takes 1 to 255 visible ASCII characters" },
    ];
    throw new FailureError(failure("IDEMPOTENCY_KEY_INVALID", { fields }));
  }
  const message = toBinary(method.input, request, { writeUnknownFields: false });
  return {
    scope: digest(caller.userId, `${method.parent.typeName}/${method.name}`, key),
    fingerprint: digest(organizationId, message),
  };
}

/** Says on the answer that it was given before. */
export function markReplayed(call: Call): void {
  call.replyHeaders = { ...call.replyHeaders, [REPLAYED_HEADER]: "true" };
}

/** Each part has its length before it, so that no two lists of parts look alike. In one go, as that takes a third of the time. */
function digest(...parts: readonly (string | Uint8Array)[]): string {
  let text = "";
  for (const part of parts) {
    const characters = typeof part === "string" ? part : Buffer.from(part).toString("latin1");
    text += `${characters.length}:${characters}`;
  }
  return hash("sha256", text, "base64url");
}
