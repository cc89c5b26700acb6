// The HTTP provider that mails are posted to: the three settings, and what they must not be together.
import { inspect } from "node:util";
import { describe, expect, test } from "@jest/globals";
import { load, problemsOf, type Env } from "../../../support/settings.ts";

describe("an HTTP provider", () => {
  const SECRET = `whsec_${Buffer.alloc(24, 1).toString("base64")}`;
  const LONG_SECRET = `whsec_${Buffer.alloc(64, 2).toString("base64")}`;
  const URL_TEXT = "https://mailer.example.com/hooks/T0KEN?x=1";
  const env = (url: string, secret = SECRET, more: Env = {}) => ({
    COUNTERSIGN_MAIL_WEBHOOK_URL: url,
    COUNTERSIGN_MAIL_WEBHOOK_SECRET: secret,
    ...more,
  });

  test("its URL, secrets and whether it may be private", () => {
    const settings = env(URL_TEXT, `${LONG_SECRET}  ${SECRET}`, { COUNTERSIGN_MAIL_WEBHOOK_PRIVATE: "on" });
    const config = load(settings);
    expect(config.mailWebhook?.url.reveal()).toBe(URL_TEXT);
    expect(config.mailWebhook?.secrets.map((secret) => secret.reveal())).toEqual([
      Buffer.alloc(64, 2),
      Buffer.alloc(24, 1),
    ]);
    expect(config.mailWebhook?.allowPrivate).toBe(true);
    expect(inspect(config, { depth: 9 })).not.toMatch(/T0KEN|whsec_|AQEB/);
    expect(load(env(URL_TEXT)).mailWebhook?.allowPrivate).toBe(false);
  });

  test.each([
    ["http://127.0.0.1:9000/x", "off"],
    ["http://[::1]:9000/x", "off"],
    ["http://localhost:9000/x", "on"],
    ["https://10.0.0.7/x", "off"],
    ["https://mailer.svc.cluster.local/x", "on"],
  ])("%s, private %s", (url, isPrivate) => {
    const config = load(env(url, SECRET, { COUNTERSIGN_MAIL_WEBHOOK_PRIVATE: isPrivate }));
    expect(config.mailWebhook?.url.reveal()).toBe(url);
  });

  test.each([
    ["mailer.example.com", "is not an https:// URL"],
    ["https:mailer.example.com", "is not an https:// URL"],
    ["ftp://mailer.example.com", "is not an https:// URL"],
    ["https://mailer.example.com/a b", "is not an https:// URL"],
    ["http://mailer.example.com", "is http:// beyond this machine, and codes are sent over https:// only"],
    ["http://10.0.0.7/", "is http:// beyond this machine, and codes are sent over https:// only"],
    ["https://a:b@c.example", "has credentials, which are not sent: what is posted is signed instead"],
    ["https://c.example/#x", "has a fragment (#), which is not sent"],
    ["https://a_b/", "has neither an IP address nor a host name"],
    ["https://c.example:0/", "has port 0"],
    [
      "http://localhost/",
      "leads to this machine by its name, which wants COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on",
    ],
    [
      "https://x.localhost/",
      "leads to this machine by its name, which wants COUNTERSIGN_MAIL_WEBHOOK_PRIVATE=on",
    ],
  ])("%s is refused without the value", (url, fault) => {
    const [problem, ...others] = problemsOf(env(url));
    expect(others).toEqual([]);
    expect(problem).toMatch(new RegExp(`^COUNTERSIGN_MAIL_WEBHOOK_URL: the value .*; example: COUNTERSIGN_`));
    expect(problem).toContain(fault);
  });

  test.each([
    ["hunter2", "(secret 1 of 1)"],
    [SECRET.slice(6), "(secret 1 of 1)"],
    [`${SECRET} whsec_${Buffer.alloc(23).toString("base64")}`, "(secret 2 of 2)"],
    [`whsec_${Buffer.alloc(65).toString("base64")}`, "(secret 1 of 1)"],
    [`${SECRET},${LONG_SECRET}`, "(secret 1 of 1)"],
  ])("the secret %s is refused without the value", (secret, place) => {
    expect(problemsOf(env(URL_TEXT, secret))).toEqual([
      `COUNTERSIGN_MAIL_WEBHOOK_SECRET: the value is not whsec_ and 24 to 64 bytes in base64 ${place}; ` +
        'example: COUNTERSIGN_MAIL_WEBHOOK_SECRET="whsec_$(openssl rand -base64 32)"',
    ]);
  });

  test("a secret given twice is refused", () => {
    expect(problemsOf(env(URL_TEXT, `${SECRET} ${SECRET}`))[0]).toContain(
      "the value has the same secret twice (secret 2 of 2)",
    );
  });

  test.each([
    ["URL", "SECRET", URL_TEXT, '"whsec_$(openssl rand -base64 32)"'],
    ["SECRET", "URL", SECRET, "https://mailer.example.com/countersign"],
  ])("%s without %s is refused", (one, other, text, example) => {
    const [set, missing] = [`COUNTERSIGN_MAIL_WEBHOOK_${one}`, `COUNTERSIGN_MAIL_WEBHOOK_${other}`];
    expect(problemsOf({ [set]: text })).toEqual([
      `${set}: set without ${missing}: set both or none; example: ${missing}=${example}`,
    ]);
  });

  test("beside an SMTP server it is refused", () => {
    expect(problemsOf(env(URL_TEXT, SECRET, { COUNTERSIGN_SMTP_URL: "smtp://mail.example.com" }))).toEqual([
      "COUNTERSIGN_SMTP_URL: set together with COUNTERSIGN_MAIL_WEBHOOK_URL, and mail goes one way only: " +
        "keep one of them; example: COUNTERSIGN_MAIL_WEBHOOK_URL=https://mailer.example.com/countersign",
    ]);
  });
});
