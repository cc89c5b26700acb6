// How often codes are sent: each limit by itself, all together, and whatever callers do in whatever order.
import { describe, expect, test } from "@jest/globals";
import * as fc from "fast-check";
import type { SendLimits } from "../../../../src/verification/environment.ts";
import type { FailureName } from "../../../../src/verification/failures.ts";
import type { UserCommand } from "../../../../src/verification/user/commands.ts";
import { sendLimitOf } from "../../../../src/verification/user/send-limits.ts";
import { CALLERS, NOW, type Setting } from "../given.ts";
import {
  ADDRESS,
  addUser,
  givenUser,
  humanAdded,
  NEW_ADDRESS,
  NONE,
  resendCode,
  RETURN,
  SEND,
  sendCode,
  setEmail,
  updateUser,
  VERIFIED,
  verify,
} from "./user-data.ts";

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const OFF: SendLimits = {
  mode: "enforce",
  cooldownMs: 0,
  perAddress: 0,
  perUser: 0,
  perPrincipal: 0,
  perClient: 0,
};

type Scenario = ReturnType<typeof givenUser>;

/** What came of the command: "sent", or the refusal with its wait in seconds. */
function ask(
  scenario: Scenario,
  command: UserCommand,
  limits: Partial<SendLimits>,
  atMs: number,
  setting: Setting = {},
): string {
  const policy = { sends: { ...OFF, ...limits } };
  const { outcome } = scenario.when(command, { ...setting, policy, nowMs: NOW + atMs });
  if (outcome.ok) return outcome.reply.overLimit === undefined ? "sent" : `over ${outcome.reply.overLimit}`;
  const { name, retryAfterMs = 0 } = outcome.failure;
  return retryAfterMs === 0 ? name : `${name} ${retryAfterMs / SECOND}`;
}

const LIMITS: readonly (readonly [what: string, limits: Partial<SendLimits>, refusal: string])[] = [
  ["per address", { perAddress: 2 }, "ADDRESS_SENDS_EXHAUSTED"],
  ["per user", { perUser: 2 }, "USER_SENDS_EXHAUSTED"],
  ["per principal", { perPrincipal: 2 }, "PRINCIPAL_SENDS_EXHAUSTED"],
  ["per client", { perClient: 2 }, "CLIENT_SENDS_EXHAUSTED"],
];
const FROM = { clientAddress: "192.0.2.1" };

describe.each(LIMITS)("the limit %s", (_what, limits, refusal) => {
  test("lets so many pass within the hour that begins with the first", () => {
    const scenario = givenUser(humanAdded());
    const asked = [0, 10, 20, 3_000, 3_599.999, 3_600, 3_601, 3_602, 7_200].map((second) =>
      ask(scenario, sendCode(), limits, second * SECOND, FROM),
    );
    expect(asked).toEqual([
      "sent",
      "sent",
      `${refusal} 3580`,
      `${refusal} 600`,
      `${refusal} 0.001`,
      "sent",
      "sent",
      `${refusal} 3598`,
      "sent",
    ]);
  });

  test("changes nothing where it refuses", () => {
    const scenario = givenUser(humanAdded());
    for (const at of [0, 1]) ask(scenario, sendCode(), limits, at, FROM);
    const before = structuredClone({ state: scenario.state, buckets: [...scenario.buckets] });
    const policy = { sends: { ...OFF, ...limits } };
    const { events, outbox, debits, claims } = scenario.when(sendCode(), { ...FROM, policy, nowMs: NOW + 2 });
    expect({ events, outbox, debits, claims }).toEqual({ events: [], outbox: [], debits: [], claims: [] });
    expect({ state: scenario.state, buckets: [...scenario.buckets] }).toEqual(before);
  });

  test("in a dry run refuses nothing, counts the same, and says what it would have refused", () => {
    const scenario = givenUser(humanAdded());
    const limit = sendLimitOf(refusal as FailureName);
    const asked = [0, 10, 20, 3_599, 3_600].map((second) =>
      ask(scenario, sendCode(), { ...limits, mode: "dry-run" }, second * SECOND, FROM),
    );
    expect(asked).toEqual(["sent", "sent", `over ${limit}`, `over ${limit}`, "sent"]);
    expect(scenario.events.filter(({ type }) => type === "user.human.email.code.added")).toHaveLength(5);
  });
});

describe("what counts as one", () => {
  const perAddress = { perAddress: 1 };

  test("an address has the same counter under every spelling and for every user", () => {
    const scenario = givenUser(humanAdded());
    ask(scenario, setEmail("Zoë@Example.com", SEND), perAddress, 0);
    ask(scenario, setEmail("other@example.com", NONE), perAddress, 1);
    for (const spelling of [" zoe\u0308@example.com ", "ZOË@EXAMPLE.COM"]) {
      expect(ask(scenario, setEmail(spelling), perAddress, 2)).toMatch(/^ADDRESS_SENDS_EXHAUSTED/);
      const added = givenUser();
      for (const [bucket, use] of scenario.buckets) added.buckets.set(bucket, use);
      const command = addUser({ email: { address: spelling, verification: SEND } });
      expect(ask(added, command, perAddress, 2)).toMatch(/^ADDRESS_SENDS_EXHAUSTED/);
    }
    expect(ask(scenario, setEmail("zoë+shop@example.com"), perAddress, 2)).toBe("sent");
  });

  test("no counter holds an address or shows it", () => {
    const scenario = givenUser(humanAdded());
    ask(scenario, sendCode(), { cooldownMs: 1, perAddress: 1, perUser: 1 }, 0);
    expect([...scenario.buckets.keys()].join(" ")).not.toMatch(/ada|example/i);
    expect(scenario.buckets.size).toBe(3);
  });

  test("a client is an IPv4 address or a /64, and nobody where it is unknown", () => {
    const scenario = givenUser(humanAdded());
    const from = (clientAddress: string) => ask(scenario, sendCode(), { perClient: 1 }, 0, { clientAddress });
    const refused = expect.stringMatching(/^CLIENT_SENDS_EXHAUSTED/);
    expect(from("2001:db8::1")).toBe("sent");
    expect(from("2001:db8::ffff:2")).toEqual(refused);
    expect(from("2001:db8:0:1::1")).toBe("sent");
    expect(from("192.0.2.1")).toBe("sent");
    expect(from("::ffff:192.0.2.1")).toEqual(refused);
    expect([from(""), from("")]).toEqual(["sent", "sent"]);
  });

  test("a principal is counted whatever it sends to, and apart from others", () => {
    const scenario = givenUser(humanAdded());
    const limits = { perPrincipal: 1 };
    expect(ask(scenario, sendCode(), limits, 0)).toBe("sent");
    expect(ask(scenario, setEmail(NEW_ADDRESS), limits, 0)).toMatch(/^PRINCIPAL_SENDS_EXHAUSTED/);
    expect(ask(scenario, sendCode(), limits, 0, { caller: CALLERS.self })).toBe("sent");
  });
});

describe("which calls count", () => {
  const limits = { perUser: 1 };
  const elsewhere = { email: { address: NEW_ADDRESS, verification: RETURN } };

  test.each<[what: string, command: UserCommand]>([
    ["SendEmailCode", sendCode()],
    ["SendEmailCode with return_code", sendCode(RETURN)],
    ["SetEmail", setEmail(NEW_ADDRESS)],
    ["SetEmail with return_code", setEmail(NEW_ADDRESS, RETURN)],
    ["UpdateHumanUser to another address", updateUser(elsewhere)],
  ])("%s", (_what, command) => {
    const scenario = givenUser(humanAdded());
    expect(ask(scenario, command, limits, 0)).toBe("sent");
    expect(ask(scenario, resendCode(), limits, 1_000)).toBe("USER_SENDS_EXHAUSTED 3599");
  });

  test("AddHumanUser", () => {
    const scenario = givenUser();
    expect(ask(scenario, addUser(), limits, 0)).toBe("sent");
    expect(ask(scenario, resendCode(), limits, 1_000)).toBe("USER_SENDS_EXHAUSTED 3599");
  });

  test.each<[what: string, command: UserCommand]>([
    ["a vouched address", setEmail(NEW_ADDRESS, VERIFIED)],
    ["an address without a code", setEmail(NEW_ADDRESS, NONE)],
    ["an update to the same address", updateUser({ email: { address: ADDRESS, verification: SEND } })],
    ["another name", updateUser({ username: "countess" })],
    ["a wrong code", verify("WRONG")],
    ["a call that is refused otherwise", setEmail(ADDRESS)],
    ["a broken address", setEmail("nobody")],
  ])("not %s, also where nothing is left", (_what, command) => {
    const scenario = givenUser(humanAdded());
    ask(scenario, command, limits, 0);
    expect(ask(scenario, sendCode(), limits, 0)).toBe("sent");
    expect(ask(scenario, command, limits, 0)).not.toMatch(/EXHAUSTED/);
  });

  test("a call without the permission is told that, and not about limits", () => {
    const scenario = givenUser(humanAdded());
    ask(scenario, sendCode(), limits, 0);
    expect(ask(scenario, sendCode(), limits, 0, { caller: CALLERS.reader })).toBe("PERMISSION_DENIED");
  });
});

describe("several limits", () => {
  const both = { cooldownMs: 60 * SECOND, perAddress: 3 };

  test("the cool-down holds between codes, the hour over all of them", () => {
    const scenario = givenUser(humanAdded());
    const asked = [0, 1, 59, 60, 61, 120, 150, 180, 3_599, 3_600, 3_601].map((second) =>
      ask(scenario, sendCode(), both, second * SECOND),
    );
    expect(asked).toEqual([
      "sent",
      "SEND_COOLDOWN 59",
      "SEND_COOLDOWN 1",
      "sent",
      "SEND_COOLDOWN 59",
      "sent",
      // The longest wait is told: the cool-down would end sooner.
      "ADDRESS_SENDS_EXHAUSTED 3450",
      "ADDRESS_SENDS_EXHAUSTED 3420",
      "ADDRESS_SENDS_EXHAUSTED 1",
      "sent",
      "SEND_COOLDOWN 59",
    ]);
  });

  test("a cool-down that was set anew holds from then on", () => {
    const scenario = givenUser(humanAdded());
    expect(ask(scenario, sendCode(), { cooldownMs: HOUR }, 0)).toBe("sent");
    expect(ask(scenario, sendCode(), { cooldownMs: 30 * SECOND }, SECOND)).toBe("sent");
    expect(ask(scenario, sendCode(), { cooldownMs: 30 * SECOND }, 2 * SECOND)).toBe("SEND_COOLDOWN 29");
  });

  test("a refusal by one does not use up another", () => {
    const scenario = givenUser(humanAdded());
    for (let second = 0; second < 50; second += 1) ask(scenario, sendCode(), both, second * SECOND);
    expect(ask(scenario, sendCode(), both, 60 * SECOND)).toBe("sent");
    expect(ask(scenario, sendCode(), both, 120 * SECOND)).toBe("sent");
  });
});

test("a refusal says which limit, never whose address", () => {
  const scenario = givenUser(humanAdded());
  const policy = { sends: { ...OFF, cooldownMs: 90 * SECOND } };
  scenario.when(sendCode(), { policy });
  const { outcome } = scenario.when(sendCode(), { policy, nowMs: NOW + 1 });
  expect(outcome).toEqual({
    ok: false,
    failure: {
      name: "SEND_COOLDOWN",
      retryAfterMs: 89_999,
      quota: { subject: "address", description: "one code per address within 90 s" },
    },
  });
});

describe("whatever callers do", () => {
  const ADDRESSES = [ADDRESS, NEW_ADDRESS, "Ada@Example.COM"];
  const CLIENTS = ["192.0.2.1", "192.0.2.2", "2001:db8::1", "2001:db8::2"];
  const step = fc.record({
    what: fc.constantFrom("send", "return", "resend", "move", "update", "vouch"),
    address: fc.constantFrom(...ADDRESSES),
    caller: fc.constantFrom<"iamOwner" | "selfWithWrite">("iamOwner", "selfWithWrite"),
    clientAddress: fc.constantFrom(...CLIENTS),
    laterMs: fc.constantFrom(0, 0, 0, 1, 100, 10 * SECOND, 60 * SECOND, HOUR / 7, HOUR),
  });
  const history = fc.record({
    limits: fc.record({
      cooldownMs: fc.constantFrom(0, 60 * SECOND),
      perAddress: fc.nat({ max: 4 }),
      perUser: fc.nat({ max: 6 }),
      perPrincipal: fc.nat({ max: 6 }),
      perClient: fc.nat({ max: 4 }),
    }),
    steps: fc.array(step, { minLength: 10, maxLength: 80, size: "max" }),
  });

  function commandOf({ what, address }: { what: string; address: string }): UserCommand {
    if (what === "move") return setEmail(address);
    if (what === "update") return updateUser({ email: { address, verification: RETURN } });
    if (what === "vouch") return setEmail(address, VERIFIED);
    if (what === "resend") return resendCode();
    return sendCode(what === "return" ? RETURN : SEND);
  }

  interface Sent {
    readonly atMs: number;
    readonly address: string;
    readonly principal: string;
    readonly client: string;
  }

  /** The most codes within one window, of those that begin with a code and follow one another. */
  function worstWindow(times: readonly number[], windowMs: number): number {
    let worst = 0;
    for (let first = 0; first < times.length;) {
      const endMs = (times[first] ?? 0) + windowMs;
      const next = times.findIndex((time) => time >= endMs);
      const last = next === -1 ? times.length : next;
      worst = Math.max(worst, last - first);
      first = last;
    }
    return worst;
  }

  function copyOf(scenario: Scenario): Scenario {
    const copy = givenUser(...scenario.events);
    for (const [bucket, use] of scenario.buckets) copy.buckets.set(bucket, use);
    return copy;
  }

  test("no window sees more codes than its limit, and the wait that a refusal tells is exact", () => {
    fc.assert(
      fc.property(history, ({ limits, steps }) => {
        const scenario = givenUser(humanAdded());
        const sent: Sent[] = [];
        let atMs = 0;
        for (const each of steps) {
          atMs += each.laterMs;
          const codesBefore = scenario.events.filter(({ type }) => type.endsWith("code.added")).length;
          const { caller, clientAddress } = each;
          const outcome = ask(scenario, commandOf(each), limits, atMs, {
            caller: CALLERS[caller],
            clientAddress,
          });
          const codes =
            scenario.events.filter(({ type }) => type.endsWith("code.added")).length - codesBefore;
          if (codes > 0) {
            const client = clientAddress.startsWith("2001:db8::") ? "2001:db8::/64" : clientAddress;
            sent.push({
              atMs,
              address: scenario.state.email.address.toLowerCase(),
              principal: caller,
              client,
            });
          }
          const waitMs = Number(/ ([\d.]+)$/.exec(outcome)?.[1] ?? 0) * SECOND;
          if (waitMs === 0) continue;
          const again = (laterMs: number) =>
            ask(copyOf(scenario), commandOf(each), limits, atMs + laterMs, {
              caller: CALLERS[caller],
              clientAddress,
            });
          expect(again(waitMs - 1)).toMatch(/ 0\.001$/);
          expect(again(waitMs)).toBe("sent");
        }
        const of = (key: keyof Sent) =>
          [...Map.groupBy(sent, (each) => each[key]).values()].map((list) => list.map((each) => each.atMs));
        const holds = (lists: readonly number[][], limit: number, windowMs = HOUR) =>
          limit === 0 || lists.every((times) => worstWindow(times, windowMs) <= limit);
        expect(holds(of("address"), limits.perAddress)).toBe(true);
        expect(holds(of("principal"), limits.perPrincipal)).toBe(true);
        expect(holds(of("client"), limits.perClient)).toBe(true);
        expect(holds([sent.map((each) => each.atMs)], limits.perUser)).toBe(true);
        if (limits.cooldownMs > 0) expect(holds(of("address"), 1, limits.cooldownMs)).toBe(true);
      }),
    );
  });
});
