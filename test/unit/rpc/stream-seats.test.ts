/** Nobody takes the seats that others need. */
import { expect, test } from "@jest/globals";
import { StreamSeats, type SeatLimits } from "../../../src/rpc/stream-seats.ts";
import type { StreamCall } from "../../../src/rpc/call.ts";
import type { Grant } from "../../../src/verification/caller.ts";

const LIMITS: SeatLimits = { perPrincipal: 3, perPrincipalWithoutRole: 1, perOrganization: 4, inAll: 6 };
const ROLE: Grant = { permissions: ["user.read"] };

function call(userId: string, organizationId: string, grants: readonly Grant[] = [ROLE]) {
  const ending = new AbortController();
  const caller = { kind: "principal", userId, organizationId, grants } as const;
  return { call: { caller, signal: ending.signal } as unknown as StreamCall, end: () => ending.abort() };
}

function takes(seats: StreamSeats, ...who: Parameters<typeof call>): () => void {
  const { call: taking, end } = call(...who);
  seats.take(taking);
  return end;
}

test("a principal has no more than its own", () => {
  const seats = new StreamSeats(LIMITS);
  const ends = [1, 2, 3].map(() => takes(seats, "app", "org-1"));
  expect(() => takes(seats, "app", "org-1")).toThrow("the caller has 3 such streams open");
  ends[0]?.();
  expect(() => takes(seats, "app", "org-1")).not.toThrow();
});

test("one without a role has fewer", () => {
  const seats = new StreamSeats(LIMITS);
  takes(seats, "ada", "org-1", []);
  expect(() => takes(seats, "ada", "org-1", [])).toThrow("the caller has 1 such streams open");
  expect(() => takes(seats, "ben", "org-1", [])).not.toThrow();
});

test("the accounts of one organization leave seats to the others", () => {
  const seats = new StreamSeats(LIMITS);
  const ends = ["a", "b", "c", "d"].map((account) => takes(seats, account, "org-1"));
  expect(() => takes(seats, "e", "org-1")).toThrow("the caller's organization has 4 such streams open");
  expect(() => takes(seats, "f", "org-2")).not.toThrow();
  expect(() => takes(seats, "g", "org-2")).not.toThrow();
  expect(() => takes(seats, "h", "org-3")).toThrow("6 such streams are open");
  for (const end of ends) end();
  expect(seats.taken).toBe(2);
  expect(() => takes(seats, "e", "org-1")).not.toThrow();
});
