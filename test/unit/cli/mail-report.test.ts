// One mail and many, as operators read them.
import { describe, expect, test } from "@jest/globals";
import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { DeliverySchema, DeliveryKind, DeliveryState } from "../../../src/client/contract.ts";
import { DELIVERY_STATES } from "../../../src/cli/delivery-states.ts";
import { deliveryState, renderDeliveries, renderDelivery, stateName } from "../../../src/cli/mail-report.ts";

const QUEUED_MS = Date.UTC(2026, 10, 22, 14, 5, 7);
const at = (afterMs: number) => timestampFromMs(QUEUED_MS + afterMs);

function delivery(more: MessageInitShape<typeof DeliverySchema>) {
  return create(DeliverySchema, {
    deliveryId: "d1",
    kind: DeliveryKind.CODE,
    state: DeliveryState.QUEUED,
    recipient: "ada@example.org",
    queueTime: at(0),
    ...more,
  });
}

function shown(more: MessageInitShape<typeof DeliverySchema>, nowMs = 0): string[] {
  return renderDelivery(delivery(more), new Date(QUEUED_MS + nowMs))
    .trimEnd()
    .split("\n");
}

test("every state has its name", () => {
  expect(DELIVERY_STATES.map((name) => stateName(deliveryState(name)))).toEqual(DELIVERY_STATES);
  expect(Object.values(DeliveryState).filter((state) => typeof state === "number")).toHaveLength(
    DELIVERY_STATES.length + 1,
  );
  expect(stateName(99 as DeliveryState)).toBe("state 99");
});

describe("one mail", () => {
  test.each([
    [-1, "at once"],
    [0, "at once"],
    [3_400, "in 3.4 s"],
    [63_000, "in 63 s"],
    [119_600, "in 2 min"],
    [7_200_000, "in 2 h"],
    [172_800_000, "in 2 d"],
  ])("that is due after %d ms is so %s", (ms, words) => {
    const lines = shown({ state: DeliveryState.RETRYING, nextAttemptTime: at(ms) });
    expect(lines.find((line) => line.startsWith("next attempt"))).toMatch(new RegExp(`UTC \\(${words}\\)$`));
  });

  test("that was cancelled is told once", () => {
    expect(shown({ state: DeliveryState.CANCELLED, reason: "cancelled by ada", endTime: at(1) })).toContain(
      "state  cancelled: by ada",
    );
  });

  test("that is to be cancelled says so", () => {
    expect(shown({ state: DeliveryState.SENDING, cancelRequested: true })).toContain(
      "       to be cancelled unless the attempt under way succeeds",
    );
  });

  test("has the end that an attempt brought in the attempt, and any other end on its own line", () => {
    const attempt = {
      time: at(500),
      summary: "attempt 1 failed: no relay was reached",
      entry: { case: "attempt", value: { number: 1, state: DeliveryState.FAILED } },
    } as const;
    const ended = (time: number) =>
      ({
        time: at(time),
        summary: "failed: so",
        entry: { case: "ended", value: { state: DeliveryState.FAILED } },
      }) as const;
    const queued = { time: at(0), summary: "queued", entry: { case: "queued", value: {} } } as const;
    expect(shown({ timeline: [queued, attempt, ended(500)] }).slice(-2)).toEqual([
      "2026-11-22 14:05:07 UTC  +0.0 s  queued",
      "2026-11-22 14:05:07 UTC  +0.5 s  attempt 1 failed: no relay was reached",
    ]);
    expect(shown({ timeline: [queued, attempt, ended(3_600_000)] }).slice(-3)).toEqual([
      "2026-11-22 14:05:07 UTC   +0.0 s  queued",
      "2026-11-22 14:05:07 UTC   +0.5 s  attempt 1 failed: no relay was reached",
      "2026-11-22 15:05:07 UTC  +60 min  failed: so",
    ]);
  });

  test("has what each relay said below the attempt", () => {
    const replies = [
      { relay: "a:25", text: "451 4.7.1 later" },
      { relay: "b:25", text: "" },
    ];
    const value = { number: 2, state: DeliveryState.RETRYING, nextAttemptTime: at(61_000), replies };
    const timeline = [{ time: at(1_000), summary: "x", entry: { case: "attempt", value } }] as const;
    expect(shown({ timeline: [...timeline] }).slice(-3)).toEqual([
      "2026-11-22 14:05:08 UTC  +0.0 s  attempt 2: failed for now, next one in 60 s",
      "            a:25 said 451 4.7.1 later",
      "            b:25 said nothing",
    ]);
  });
});

test("many are a table, cut to the terminal", () => {
  const mails = [
    delivery({ reason: "451 4.7.1 greylisted", attemptCount: 1, state: DeliveryState.RETRYING }),
  ];
  expect(renderDeliveries(mails, undefined)).toBe(
    "ID  QUEUED (UTC)      STATE     TRIES  TO               REASON\n" +
      "d1  2026-11-22 14:05  retrying  1      ada@example.org  451 4.7.1 greylisted\n",
  );
  expect(renderDeliveries(mails, 64).split("\n")[1]).toBe(
    "d1  2026-11-22 14:05  retrying  1      ada@example.org  451 4.7…",
  );
});
