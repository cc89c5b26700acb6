/** The words of a test mail. They take the place of a language's texts in the very templates that carry codes. */
import type { MessageTexts, Placeholder } from "./text-keys.ts";

/** Stands where a code would. */
export const TEST_MARK = "TEST";

/** Whoever runs the service reads it, so it is in English whatever the language of its users. */
export const TEST_MAIL_LANGUAGE = "en";

export function testMailTexts({ sender, address }: Readonly<Record<Placeholder, string>>): MessageTexts {
  return {
    subject: `Test mail from ${sender}`,
    preheader: "Mails of this service arrive here.",
    title: "Test mail",
    greeting: "Hello,",
    greetingWithoutName: "Hello,",
    intro: `This mail shows that mails to ${address} arrive. A mail in earnest has its code here:`,
    button: "",
    linkIntro: "",
    linkFallback: "",
    validity: "Somebody who runs the service asked for it. There is nothing to do.",
    ignore: "",
    signature: sender,
  };
}
