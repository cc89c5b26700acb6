import { expect, test } from "@jest/globals";
import { maskAddress } from "../../../src/observability/mask-address.ts";

test.each([
  ["ada@example.com", "a***@example.com"],
  ["a@example.com", "a***@example.com"],
  ['"a@b"@example.com', '"***@example.com'],
  ["😀smile@example.com", "😀***@example.com"],
  ["@example.com", "***@example.com"],
  ["no address", "***"],
  ["", "***"],
])("%s is logged as %s", (address, masked) => {
  expect(maskAddress(address)).toBe(masked);
});
