import { expect, test } from "@jest/globals";
import { maskAddress, maskIdentifier } from "../../../src/observability/mask-address.ts";

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

test("an id that somebody made of an address is masked, any other is not", () => {
  expect(maskIdentifier("ada@example.com")).toBe("a***@example.com");
  expect(maskIdentifier("346187435129342978")).toBe("346187435129342978");
});
