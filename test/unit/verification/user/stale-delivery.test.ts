import { expect, test } from "@jest/globals";
import { staleEnd } from "../../../../src/verification/user/stale-delivery.ts";
import type { OutboxEntry } from "../../../../src/verification/decider.ts";
import { UNKNOWN_USER, type OlderCode, type UserState } from "../../../../src/verification/user/state.ts";

const delivery: OutboxEntry = {
  deliveryId: "d1",
  codeId: "c1",
  userId: "u1",
  organizationId: "o1",
  recipient: "ada@example.com",
  urlTemplate: "https://example.com/",
  sealedCode: "",
  acceptLanguage: "",
  expiresAtMs: 1000,
};

function user(changes: Partial<UserState>): UserState {
  return {
    ...UNKNOWN_USER,
    status: "active",
    email: { address: "ada@example.com", isVerified: false },
    code: { codeId: "c1", mac: { keyId: "k", mac: "" }, expiresAtMs: 1000 },
    ...changes,
  };
}

/** The delivery's code, with a newer one. */
function beside(older: Partial<OlderCode>): UserState {
  const mac = { keyId: "k", mac: "" };
  return user({
    code: { codeId: "c2", mac, expiresAtMs: 9000 },
    olderCodes: [{ codeId: "c1", mac, expiresAtMs: 1000, ...older }],
  });
}

test.each([
  ["live until its last millisecond", user({}), 1000, undefined],
  ["locked users may still verify", user({ status: "locked" }), 0, undefined],
  ["past its end", user({}), 1001, "expired"],
  ["never heard of", undefined, 0, "superseded: the user was deleted"],
  ["deleted", { ...UNKNOWN_USER, status: "deleted" } as const, 0, "superseded: the user was deleted"],
  [
    "moved",
    user({ email: { address: "new@example.com", isVerified: false } }),
    0,
    "superseded: the address was changed",
  ],
  [
    "replaced",
    user({ code: { codeId: "c2", mac: { keyId: "k", mac: "" }, expiresAtMs: 9000 } }),
    0,
    "superseded: there is a newer code",
  ],
  ["replaced, and works beside the newer one", beside({}), 1000, undefined],
  ["replaced, and worked beside the newer one until its end", beside({}), 1001, "expired"],
  [
    "replaced by so many that it works no more",
    beside({ end: "superseded" }),
    0,
    "superseded: there is a newer code",
  ],
  [
    "used",
    user({ code: null, email: { address: "ada@example.com", isVerified: true } }),
    0,
    "used: the address is verified",
  ],
  ["moved there and back", user({ code: null }), 0, "superseded: the address was set again"],
])("%s", (_, state, nowMs, expected) => {
  const end = staleEnd(state, delivery, nowMs);
  if (expected === undefined) expect(end).toBeUndefined();
  else if (expected === "expired") expect(end?.state).toBe("expired");
  else expect(end).toEqual({ state: "cancelled", problem: expected });
});
