// What is made of an Idempotency-Key and the request that it came with.
import { expect, test } from "@jest/globals";
import { create, fromBinary, fromJson, type DescMethodUnary, type Message } from "@bufbuild/protobuf";
import { UserService } from "../../../gen/zitadel/user/v2/user_service_pb.ts";
import { idempotencyKeyOf } from "../../../src/rpc/idempotency.ts";
import type { Caller } from "../../../src/verification/caller.ts";
import { FailureError } from "../../../src/verification/failures.ts";

const { sendEmailCode, resendEmailCode, verifyEmail } = UserService.method;
const DIGEST = /^[\w-]{43}$/;

interface Asked {
  readonly header?: string | null;
  readonly userId?: string;
  readonly caller?: Caller;
  readonly method?: DescMethodUnary;
  readonly request?: Message;
  readonly organizationId?: string;
}

function keyOf({
  header = "key",
  userId = "admin",
  caller = { kind: "principal", userId, organizationId: "org", grants: [] },
  method = sendEmailCode,
  request = create(method.input),
  organizationId = "",
}: Asked = {}) {
  const headers = { get: (name: string) => (name === "idempotency-key" ? header : null) };
  return idempotencyKeyOf({ headers, caller, method }, request, organizationId);
}

test("scope and fingerprint are digests, the same for the same", () => {
  const first = keyOf();
  expect(first).toEqual({ scope: expect.stringMatching(DIGEST), fingerprint: expect.stringMatching(DIGEST) });
  expect(keyOf()).toEqual(first);
});

test.each<[string, Asked]>([
  ["the key", { header: "Key" }],
  ["the principal", { userId: "other" }],
  ["the method", { method: resendEmailCode }],
])("the scope depends on %s", (_what, asked) => {
  expect(keyOf(asked)?.scope).not.toBe(keyOf()?.scope);
});

test("where one part ends and the next begins matters", () => {
  expect(keyOf({ userId: "ab", header: "c" })?.scope).not.toBe(keyOf({ userId: "a", header: "bc" })?.scope);
});

test.each<[string, Asked]>([
  ["the message", { request: create(sendEmailCode.input, { userId: "u" }) }],
  ["what is set, though empty", { request: fromJson(sendEmailCode.input, { sendCode: {} }) }],
  ["the organization, where a header may decide it", { organizationId: "org" }],
])("the fingerprint depends on %s", (_what, asked) => {
  expect(keyOf(asked)?.fingerprint).not.toBe(keyOf()?.fingerprint);
  expect(keyOf(asked)?.scope).toBe(keyOf()?.scope);
});

test("how the message was written does not matter: order of fields, fields nobody knows", () => {
  // user_id = 1, return_code = 3, both ways round; field 99 is unknown.
  const inOrder = fromBinary(sendEmailCode.input, Uint8Array.from([0x0a, 1, 0x75, 0x1a, 0]));
  const reversed = fromBinary(sendEmailCode.input, Uint8Array.from([0x1a, 0, 0x0a, 1, 0x75, 0x98, 0x06, 1]));
  const json = fromJson(sendEmailCode.input, { returnCode: {}, userId: "u" });
  const fingerprints = [inOrder, reversed, json].map((request) => keyOf({ request })?.fingerprint);
  expect(new Set(fingerprints).size).toBe(1);
  expect(fingerprints[0]).not.toBe(keyOf()?.fingerprint);
});

test.each(["", " ", "a b", "a, b", "\t", "ä", "\u007f", "k".repeat(256)])("%j is no key", (header) => {
  expect(() => keyOf({ header })).toThrow(FailureError);
  expect(() => keyOf({ header })).toThrow("The Idempotency-Key is not 1 to 255 visible ASCII characters");
});

test("without the header, and for callers nobody knows, there is none", () => {
  expect(keyOf({ header: null })).toBeUndefined();
  expect(keyOf({ caller: { kind: "anonymous" }, method: verifyEmail })).toBeUndefined();
});
