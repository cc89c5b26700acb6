// What a service that runs removes by itself, as its clients see it.
import { afterEach, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { setTimeout as pause } from "node:timers/promises";
import { startTestApplication, type TestApplication } from "../support/application.ts";

let application: TestApplication;
afterEach(() => application.stop());

async function call(path: string, body?: JsonObject): Promise<JsonObject> {
  const response = await fetch(application.url + path, {
    method: body === undefined ? "GET" : "POST",
    headers: { authorization: `Bearer ${application.token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as JsonObject;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

async function addAda(): Promise<void> {
  await call("/v2/users/human", {
    userId: "ada",
    profile: { givenName: "Ada", familyName: "Lovelace" },
    email: { email: "ada@example.com" },
  });
  await call("/countersign/v1/inbox/wait?to=ada@example.com");
}

test("with COUNTERSIGN_DELIVERY_RETENTION=1s mails are gone after a while, from the lists and the dev inbox", async () => {
  application = await startTestApplication({ env: { COUNTERSIGN_DELIVERY_RETENTION: "1s" } });
  await addAda();
  while (JSON.stringify(await call("/countersign/v1/deliveries")) !== "{}") await pause(50);
  while (JSON.stringify(await call("/countersign/v1/inbox/mails")) !== "{}") await pause(50);
  const { events } = await call("/countersign/v1/events?user_id=ada");
  expect(events).toMatchObject([{ type: "user.human.email.code.sent" }, {}, {}]);
  expect(application.errors).toEqual([]);
});

test("by default mails and events stay for a while", async () => {
  application = await startTestApplication();
  await addAda();
  expect(await call("/countersign/v1/deliveries")).toMatchObject({ deliveries: [{ userId: "ada" }] });
  expect(await call("/countersign/v1/inbox/mails")).toMatchObject({ mails: [{ userId: "ada" }] });
});
