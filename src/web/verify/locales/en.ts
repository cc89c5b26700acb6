import type { PageLocale } from "../page-texts.ts";

export const en: PageLocale = {
  htmlLang: "en",
  texts: {
    title: "Verify your email address",
    lead: "The code from your email is filled in. Press the button to finish.",
    leadWithoutCode: "Type the code from your email, then press the button.",
    codeLabel: "Code from the email",
    button: "Verify email address",
    working: "Checking the code…",
    ignore: "If you did not ask for this, close this page: nothing happens until the button is pressed.",
    verifiedTitle: "Email address verified",
    verifiedText: "Thank you, your email address is verified.",
    verifiedNext: "You can close this page and go on in the app that sent you the email.",
    onward: "Continue to {{host}}",
    redirecting: "In a few seconds you will be taken to {{host}}.",
    stay: "Stay here",
    refusedTitle: "This code cannot be used",
    refusedText: "It is wrong, too old, was replaced by a newer one, or was tried too often.",
    refusedNext:
      "Compare it with your newest email. If it still cannot be used, ask the app that sent you the email for a new code.",
    missingCode: "Type the code from the email first.",
    offlineTitle: "You are offline",
    offlineText: "Your code is not lost. Press the button again once you are connected.",
    unavailableTitle: "Not possible right now",
    unavailableText: "Your code could not be checked. It is not lost: press the button again in a moment.",
    incompleteTitle: "This link is incomplete",
    incompleteText:
      "Part of the link is missing. Open it once more from the email, or copy the whole of it into the address bar.",
    incompleteNext: "If that does not help, ask the app that sent you the email for a new code.",
    notAcceptedTitle: "Not accepted",
    notAcceptedText: "Open the link in your email and press the button there.",
  },
};
