import { describe, expect, test } from "@jest/globals";
import { MAX_MESSAGE_BYTES } from "../../../src/transport/limits.ts";
import { UnfinishedBodies, type UnfinishedBody } from "../../../src/transport/unfinished-bodies.ts";

describe("room for 100 bytes", () => {
  function bodies(count: number) {
    const all = new UnfinishedBodies(100);
    const givenUp: number[] = [];
    const each = Array.from({ length: count }, (_, index) => all.begin(() => givenUp.push(index)));
    return { all, each, givenUp, grow: (index: number, bytes: number) => each[index]?.grow(bytes) };
  }

  test("is shared, and given back by bodies that end", () => {
    const { all, each, givenUp, grow } = bodies(2);
    grow(0, 60);
    grow(1, 40);
    expect(all.bytes).toBe(100);
    each[0]?.end();
    each[0]?.end();
    expect(all.bytes).toBe(40);
    grow(1, 60);
    expect(all.bytes).toBe(100);
    expect(givenUp).toEqual([]);
  });

  test("is taken from the body whose first bytes are the oldest", () => {
    const { all, givenUp, grow } = bodies(3);
    grow(2, 10);
    grow(0, 50);
    grow(1, 40);
    grow(1, 1);
    expect(givenUp).toEqual([2]);
    grow(1, 20);
    expect(givenUp).toEqual([2, 0]);
    expect(all.bytes).toBe(61);
  });

  test("is not taken again by a body that was given up", () => {
    const { all, each, givenUp, grow } = bodies(2);
    grow(0, 80);
    grow(1, 30);
    grow(0, 80);
    each[0]?.end();
    expect(givenUp).toEqual([0]);
    expect(all.bytes).toBe(30);
  });

  test("a body may be too large for it alone", () => {
    const { all, givenUp, grow } = bodies(1);
    grow(0, 101);
    expect(givenUp).toEqual([0]);
    expect(all.bytes).toBe(0);
  });

  test("what is given up learns why", () => {
    const reasons: unknown[] = [];
    const all = new UnfinishedBodies(1);
    all.begin(({ failure }) => reasons.push([failure.name, failure.retryAfterMs])).grow(2);
    expect(reasons).toEqual([["OVERLOADED", 1_000]]);
  });
});

test("of a stream of messages no more than one counts", () => {
  const all = new UnfinishedBodies(10 * MAX_MESSAGE_BYTES);
  const stream: UnfinishedBody = all.begin(() => {});
  for (let index = 0; index < 100; index++) stream.grow(MAX_MESSAGE_BYTES / 10);
  expect(all.bytes).toBe(MAX_MESSAGE_BYTES);
  stream.end();
  expect(all.bytes).toBe(0);
});
