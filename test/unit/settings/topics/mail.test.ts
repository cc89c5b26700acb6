// How mails leave, and what they say. The HTTP provider has a file of its own.
import { describe, expect, test } from "@jest/globals";
import { expectRefused, expectRefusedUnshown, expectTaken, load } from "../../../support/settings.ts";

test.each<Parameters<typeof expectTaken>>([
  ["DEV_INBOX", "on", { devInbox: true }],
  ["DEV_INBOX", "off", { devInbox: false }],
  ["DEFAULT_LANGUAGE", "PT-br", { defaultLanguage: "pt-BR" }],
  ["MAIL_TEMPLATES", "/etc/countersign/mail", { mailTemplates: "/etc/countersign/mail" }],
  ["MAIL_LINK", "off", { mailLink: false }],
  ["MAIL_FROM", "accounts@example.com", { mailFrom: { name: "", address: "accounts@example.com" } }],
  ["MAIL_FROM", "Ada L <a@b.example>", { mailFrom: { name: "Ada L", address: "a@b.example" } }],
  [
    "MAIL_FROM",
    String.raw`"Ex, \"Inc\"" <a@b.example>`,
    { mailFrom: { name: 'Ex, "Inc"', address: "a@b.example" } },
  ],
])("%s=%s", expectTaken);

test.each([
  ["DEV_INBOX", "true", "is not on or off"],
  ["DEFAULT_LANGUAGE", "German!", "is not a language tag, such as de or pt-BR"],
  ["MAIL_LINK", "no", "is not on or off"],
  ["MAIL_FROM", "Ada", "is not a mailbox: missing '@' or angle-addr"],
  ["MAIL_FROM", "a@b.example, c@d.example", "is not a mailbox: not a single local-part@domain"],
  ["MAIL_FROM", "a@-b.example", "is not a mailbox: hostname parts cannot begin with hyphens"],
  ["MAIL_FROM", "A\r\nBcc: x <a@b.example>", "is not a mailbox: malformed display name or angle brackets"],
])("%s=%s is refused", expectRefused);

test.each([
  ["SMTP_URL", "smtp.example.com:587", "does not begin with smtp:// or smtps://"],
  ["SMTP_URL", "smtp://", "has neither an IP address nor a host name"],
  [
    "SMTP_URL",
    "smtp://u:p#w@h",
    "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
  ],
  [
    "SMTP_URL",
    "smtp://h/path",
    "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
  ],
  [
    "SMTP_URL",
    "smtp://h ost",
    "is not smtp://user:password@host:port (percent-encode / ? # @ % and commas in user and password)",
  ],
  ["SMTP_URL", "smtp://a_b", "has neither an IP address nor a host name"],
  ["SMTP_URL", "smtp://h:0", "has port 0"],
  ["SMTP_URL", "smtp://u@h", "has only one of user and password"],
  ["SMTP_URL", "smtp://:p@h", "has only one of user and password"],
  [
    "SMTP_URL",
    "smtp://u:100%sure@h",
    "has credentials with a control character or broken percent-encoding (% itself is %25)",
  ],
  [
    "SMTP_URL",
    "smtp://u:p%00w@h",
    "has credentials with a control character or broken percent-encoding (% itself is %25)",
  ],
  ["SMTP_URL", "smtp://h,", "does not begin with smtp:// or smtps:// (server 2 of 2)"],
])("%s=%s is refused without showing the value", expectRefusedUnshown);

describe("SMTP servers", () => {
  const serversOf = (text: string) =>
    load({ COUNTERSIGN_SMTP_URL: text }).smtpServers.map(({ password, ...server }) =>
      password === undefined ? server : { ...server, password: password.reveal() },
    );

  test.each<[string, object[]]>([
    ["smtp://mail.example.com", [{ host: "mail.example.com", port: 587, secure: false }]],
    ["smtps://mail.example.com/", [{ host: "mail.example.com", port: 465, secure: true }]],
    ["SMTP://[::1]:2525", [{ host: "::1", port: 2525, secure: false }]],
    ["smtp://127.0.0.1:25", [{ host: "127.0.0.1", port: 25, secure: false }]],
    ["smtp://ada:secret@h:1", [{ host: "h", port: 1, secure: false, user: "ada", password: "secret" }]],
    [
      "smtps://ada%40example.com:a%2Fb%2C%25:c@h",
      [{ host: "h", port: 465, secure: true, user: "ada@example.com", password: "a/b,%:c" }],
    ],
    [
      "smtps://u:p@a.example, smtp://b.example:25",
      [
        { host: "a.example", port: 465, secure: true, user: "u", password: "p" },
        { host: "b.example", port: 25, secure: false },
      ],
    ],
  ])("%s", (text, servers) => {
    expect(serversOf(text)).toEqual(servers);
  });
});
