// DeleteUser and what follows, as a client and whoever gets hold of the data directory see it.
import { afterEach, expect, test } from "@jest/globals";
import type { JsonObject } from "@bufbuild/protobuf";
import { setTimeout as pause } from "node:timers/promises";
import { startTestApplication, type TestApplication } from "../support/application.ts";

const PERSON = {
  username: "countess-of-lovelace",
  email: "augusta.ada@ockham.example",
  givenName: "Augusta-Ada",
  familyName: "King-Noel",
  template: "https://app.example/from-the-countess?code={{.Code}}",
} as const;

let application: TestApplication;
afterEach(() => application.stop());

async function call(verb: string, path: string, body?: JsonObject): Promise<JsonObject> {
  const response = await fetch(application.url + path, {
    method: verb,
    headers: { authorization: `Bearer ${application.token}` },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  });
  const answer = (await response.json()) as JsonObject;
  if (!response.ok) throw new Error(JSON.stringify(answer));
  return answer;
}

async function addPerson(): Promise<void> {
  await call("POST", "/v2/users/human", {
    userId: "ada",
    username: PERSON.username,
    profile: { givenName: PERSON.givenName, familyName: PERSON.familyName },
    email: { email: PERSON.email, sendCode: { urlTemplate: PERSON.template } },
  });
  await call("GET", `/countersign/v1/inbox/wait?to=${PERSON.email}`);
  // The mail is there a moment before its event is.
  while (!(await eventsOfAda()).some(({ type }) => type === "user.human.email.code.sent")) await pause(20);
}

async function eventsOfAda(): Promise<JsonObject[]> {
  const { events } = await call("GET", "/countersign/v1/events?user_id=ada&oldest_first=true");
  return events as JsonObject[];
}

async function inDatabase(): Promise<string[]> {
  const contents = [...(await application.database.contents()).values()];
  return Object.values(PERSON).filter((text) => contents.some((bytes) => bytes.includes(text)));
}

test("with COUNTERSIGN_ERASE_AFTER=0s no trace is left in a moment, and the history stays", async () => {
  application = await startTestApplication({
    env: { COUNTERSIGN_ERASE_AFTER: "0s", COUNTERSIGN_EVENT_CLIENT_IP: "on" },
  });
  await addPerson();
  expect(await inDatabase()).toEqual(Object.values(PERSON));
  await call("DELETE", "/v2/users/ada");
  while ((await inDatabase()).length > 0) await pause(50);

  const events = await eventsOfAda();
  expect(events.map(({ type }) => type)).toEqual([
    "user.human.added",
    "user.human.email.code.added",
    "user.human.email.code.sent",
    "user.removed",
  ]);
  expect(events[0]).toMatchObject({ payload: { userName: "", email: "", firstName: "", lastName: "" } });
  expect(JSON.stringify(events)).not.toContain("127.0.0.1");
  expect(await call("GET", "/countersign/v1/inbox/mails")).toEqual({});
  const { deliveries } = await call("GET", "/countersign/v1/deliveries?user_id=ada");
  expect(deliveries).toMatchObject([{ state: "DELIVERY_STATE_SENT" }]);
});

test("by default everything is there for a while", async () => {
  application = await startTestApplication();
  await addPerson();
  await call("DELETE", "/v2/users/ada");
  const [added] = await eventsOfAda();
  expect(added).toMatchObject({ payload: { email: PERSON.email } });
});
