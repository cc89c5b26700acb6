import type { BuiltInLocale } from "../text-keys.ts";

/** Sie. A sentence after the greeting's comma goes on in lower case. */
export const de: BuiltInLocale = {
  htmlLang: "de",
  formatTag: "de",
  texts: {
    subject: "Bestätigen Sie Ihre E-Mail-Adresse",
    preheader: "Mit dem Code in dieser E-Mail bestätigen Sie, dass diese Adresse Ihnen gehört.",
    title: "Bestätigen Sie Ihre E-Mail-Adresse",
    greeting: "Guten Tag {{name}},",
    greetingWithoutName: "Guten Tag,",
    intro: "mit diesem Code bestätigen Sie Ihre E-Mail-Adresse:",
    button: "E-Mail-Adresse bestätigen",
    linkIntro: "Oder öffnen Sie diesen Link und klicken Sie dort auf die Schaltfläche:",
    linkFallback: "Falls die Schaltfläche nicht funktioniert, öffnen Sie diesen Link:",
    validity: "Der Code ist bis zum {{expiry}} gültig ({{lifetime}} ab der Anforderung).",
    ignore:
      "Falls Sie diesen Code nicht angefordert haben, ignorieren Sie diese E-Mail bitte: Ohne den Code geschieht nichts.",
    signature: "{{sender}}",
  },
};
