import { expect, test } from "@jest/globals";
import { StartError } from "../../../src/observability/start-error.ts";

test("is an error with a name and a cause of its own", () => {
  const cause = new Error("EACCES");
  const error = new StartError("cannot write to data", { cause });
  expect(error).toBeInstanceOf(Error);
  expect(String(error)).toBe("StartError: cannot write to data");
  expect(error.cause).toBe(cause);
});
