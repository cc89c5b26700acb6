import type { BuiltInLocale } from "../text-keys.ts";

export const en: BuiltInLocale = {
  htmlLang: "en",
  formatTag: "en-GB",
  texts: {
    subject: "Verify your email address",
    preheader: "The code in this email shows that this address is yours.",
    title: "Verify your email address",
    greeting: "Hello {{name}},",
    greetingWithoutName: "Hello,",
    intro: "Use this code to verify your email address:",
    button: "Verify email address",
    linkIntro: "Or open this link and press the button there:",
    linkFallback: "If the button does not work, open this link:",
    validity: "The code can be used until {{expiry}} ({{lifetime}} after it was requested).",
    ignore: "If it was not you who asked for this code, ignore this email: nothing happens without the code.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Your email address was changed",
    preheader: "From now on, emails about your account go to another address.",
    title: "Your email address was changed",
    intro: "The email address of your account with {{sender}} was changed:",
    oldAddress: "Before: {{address}}",
    newAddress: "Now: {{newAddress}}",
    time: "When: {{changedAt}}",
    expected: "If it was you who changed it, there is nothing to do.",
    unexpected:
      "If it was not you, somebody else may have access to your account: contact {{sender}} at once.",
  },
};
