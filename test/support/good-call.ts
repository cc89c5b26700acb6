// That an application serves on, whatever was done to it.
import { expect } from "@jest/globals";
import type { TestApplication } from "./application.ts";
import { exchangeHttp1, exchangeHttp2 } from "./raw-http.ts";
import { at, grpc, rest, textAt } from "./wire-formats.ts";

let users = 0;

/** Adds a user over HTTP/1.1 and reads it over HTTP/2; and nothing that came before was the application's own error. */
export async function expectGoodCalls(application: TestApplication): Promise<void> {
  users += 1;
  const authorization = `Bearer ${application.token}`;
  const add = rest.encode("AddHumanUser", {
    profile: { givenName: "Good", familyName: "Call" },
    email: { email: `good-call-${users}@example.com`, isVerified: false },
  });
  const added = await exchangeHttp1(application, { ...add, headers: { ...add.headers, authorization } });
  const userId = textAt(rest.decode("AddHumanUser", added).message, "userId");

  const get = grpc.encode("GetUserByID", { userId });
  const got = await exchangeHttp2(application, { ...get, headers: { ...get.headers, authorization } });
  expect(at(grpc.decode("GetUserByID", got).message, "user", "userId")).toBe(userId);
  expect(application.takeErrors()).toEqual([]);
}
