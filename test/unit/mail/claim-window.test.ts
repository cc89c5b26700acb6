import { expect, test } from "@jest/globals";
import {
  ClaimWindow,
  MAX_PER_CONNECTION,
  MIN_PER_CONNECTION,
  SOON_MS,
} from "../../../src/mail/claim-window.ts";

const CONNECTIONS = 5;

function windowAfter(...tookMs: readonly number[]): number {
  const window = new ClaimWindow(CONNECTIONS);
  for (const each of tookMs) window.note(each);
  return window.size;
}

const SMALLEST = CONNECTIONS * MIN_PER_CONNECTION;
const LARGEST = CONNECTIONS * MAX_PER_CONNECTION;
const soon = (count: number) => Array<number>(count).fill(SOON_MS);
const late = SOON_MS + 1;

test.each([
  ["at first", [], SMALLEST],
  ["one more for each mail that was through soon", soon(3), SMALLEST + 3],
  ["so far and no further", soon(10_000), LARGEST],
  ["half after a mail that took longer", [...soon(10_000), late], LARGEST / 2],
  ["never less than at first", [late, late, late], SMALLEST],
  ["up again afterwards", [late, late, ...soon(2)], SMALLEST + 2],
])("%s", (_name, tookMs, size) => {
  expect(windowAfter(...tookMs)).toBe(size);
});
