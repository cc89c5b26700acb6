// In which language a mail is written: the user's, then what the request says, then the default.
import { afterAll, beforeAll, expect, test } from "@jest/globals";
import { startTestApplication, type TestApplication } from "../support/application.ts";
import { SmtpRecorder } from "../support/smtp-recorder.ts";

let recorder: SmtpRecorder;
let application: TestApplication;

beforeAll(async () => {
  recorder = await SmtpRecorder.start();
  application = await startTestApplication({
    env: { COUNTERSIGN_SMTP_URL: recorder.url, COUNTERSIGN_DEFAULT_LANGUAGE: "nl" },
  });
});
afterAll(async () => {
  await application.stop();
  await recorder.stop();
});

test.each([
  ["the user's", "fr", "de", "fr"],
  ["the request's, when the user has none", undefined, "de-AT, en;q=0.5", "de"],
  ["the request's, when there are no mails in the user's", "tlh", "ja", "ja"],
  ["the default", undefined, "tlh", "nl"],
  ["the default, whatever rubbish the request has", undefined, `;;,${"x".repeat(5_000)}`, "nl"],
])("%s", async (_name, preferredLanguage, acceptLanguage, language) => {
  const address = `${crypto.randomUUID()}@example.org`;
  const response = await fetch(`${application.url}/v2/users/human`, {
    method: "POST",
    headers: {
      authorization: `Bearer ${application.token}`,
      "content-type": "application/json",
      "accept-language": acceptLanguage,
    },
    body: JSON.stringify({
      profile: { givenName: "Ada", familyName: "Lovelace", preferredLanguage },
      email: { email: address, sendCode: {} },
    }),
  });
  expect(response.status).toBe(200);
  const { parsed } = await recorder.waitForMail(address);
  expect(parsed.html).toContain(`<html lang="${language}"`);
});
