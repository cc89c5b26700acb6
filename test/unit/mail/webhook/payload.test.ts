import { expect, test } from "@jest/globals";
import { buildPayload } from "../../../../src/mail/webhook/payload.ts";
import { createComposer, type Mail } from "../../../../src/mail/message.ts";
import { mailRequest } from "../../../mail/mail-request.ts";

const compose = createComposer({ from: { name: "Example Accounts", address: "accounts@example.org" } });
const LINK = "https://example.com/verify?code=ABC234";

const GOLDEN = {
  contextInfo: {
    eventType: "user.human.email.code.added",
    provider: { id: "countersign", description: "Countersign" },
    recipientEmailAddress: "ada@example.com",
    messageId: "<delivery-1@example.org>",
    language: "en",
  },
  templateData: {
    title: "Verify your email address",
    preHeader: "The code in this email shows that this address is yours.",
    subject: "Verify your email address",
    greeting: "Hello Ada Lovelace,",
    text: [
      "Use this code to verify your email address: ABC234",
      "The code can be used until 3 January 2026 at 01:00 UTC (1 hour after it was requested).",
      "If it was not you who asked for this code, ignore this email: nothing happens without the code.",
    ].join("\n\n"),
    url: LINK,
    buttonText: "Verify email address",
    primaryColor: "#1f5fd0",
    backgroundColor: "#f2f4f7",
    fontColor: "#1c2128",
    logoUrl: "",
    fontUrl: "",
    fontFaceFamily: "",
    fontFamily: "-apple-system, BlinkMacSystemFont, 'Segoe UI', Roboto, Helvetica, Arial, sans-serif",
    includeFooter: false,
    footerText: "",
  },
  args: {
    code: "ABC234",
    userID: "user-1",
    orgID: "org1",
    userName: "ada",
    firstName: "Ada",
    lastName: "Lovelace",
    nickName: "",
    displayName: "Ada Lovelace",
    lastEmail: "ada@example.com",
    verifiedEmail: "",
    lastPhone: "",
    verifiedPhone: "",
    preferredLoginName: "ada",
    loginName: "ada",
    loginNames: ["ada"],
    changeDate: "2026-01-02T00:00:00.000Z",
    creationDate: "2026-01-01T00:00:00.000Z",
  },
};

test("a mail is posted in the shape that ZITADEL posts", () => {
  expect(buildPayload(compose(mailRequest()))).toEqual(GOLDEN);
});

test("what was verified before is told, and the words are the reader's", () => {
  const { user } = mailRequest();
  const mail = compose(
    mailRequest({ user: { ...user, verifiedAddress: "old@example.com", preferredLanguage: "de" } }),
  );
  const { contextInfo, templateData, args } = buildPayload(mail);
  expect(args.verifiedEmail).toBe("old@example.com");
  expect(contextInfo.language).toBe("de");
  expect(templateData.greeting).toBe(mail.parts?.greeting);
  expect(templateData.greeting).not.toBe(GOLDEN.templateData.greeting);
});

test("a mail that is not taken apart is posted as one text", () => {
  const { parts: _, ...mail }: Mail = compose(mailRequest());
  const { contextInfo, templateData } = buildPayload(mail);
  expect(contextInfo.language).toBe("");
  expect(templateData).toEqual({
    ...GOLDEN.templateData,
    preHeader: "",
    greeting: "",
    text: mail.text.trim(),
    buttonText: mail.subject,
  });
});

test("a notice to an old address says what it is, and has neither code nor link nor name", () => {
  const { contextInfo, templateData, args } = buildPayload(
    compose(
      mailRequest({
        kind: "notice",
        user: { ...mailRequest().user, username: "", givenName: "", familyName: "", displayName: "" },
        code: "",
        link: "",
        newAddress: "e***@evil.example",
      }),
    ),
  );
  expect(contextInfo).toEqual({ ...GOLDEN.contextInfo, eventType: "user.human.email.changed" });
  expect(templateData).toMatchObject({
    subject: "Your email address was changed",
    greeting: "Hello,",
    text: expect.stringContaining("Now: e***@evil.example"),
    url: "",
    buttonText: "",
  });
  expect(args).toMatchObject({ code: "", userName: "", displayName: "", lastEmail: "ada@example.com" });
});
