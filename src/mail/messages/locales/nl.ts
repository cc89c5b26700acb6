import type { BuiltInLocale } from "../text-keys.ts";

/** U. */
export const nl: BuiltInLocale = {
  htmlLang: "nl",
  formatTag: "nl",
  texts: {
    subject: "Bevestig uw e-mailadres",
    preheader: "Met de code in deze e-mail bevestigt u dat dit adres van u is.",
    title: "Bevestig uw e-mailadres",
    greeting: "Goedendag {{name}},",
    greetingWithoutName: "Goedendag,",
    intro: "Gebruik deze code om uw e-mailadres te bevestigen:",
    button: "E-mailadres bevestigen",
    linkIntro: "Of open deze link en klik daar op de knop:",
    linkFallback: "Werkt de knop niet? Open dan deze link:",
    validity: "De code is geldig tot {{expiry}} ({{lifetime}} na de aanvraag).",
    ignore:
      "Hebt u niet om deze code gevraagd? Dan kunt u deze e-mail negeren: zonder de code gebeurt er niets.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Uw e-mailadres is gewijzigd",
    preheader: "E-mails over uw account gaan vanaf nu naar een ander adres.",
    title: "Uw e-mailadres is gewijzigd",
    intro: "Het e-mailadres van uw account bij {{sender}} is gewijzigd:",
    oldAddress: "Oud adres: {{address}}",
    newAddress: "Nieuw adres: {{newAddress}}",
    time: "Tijdstip: {{changedAt}}",
    expected: "Hebt u dit zelf gedaan? Dan hoeft u niets te doen.",
    unexpected:
      "Hebt u dit niet gedaan? Dan heeft mogelijk iemand anders toegang tot uw account: neem meteen contact op met {{sender}}.",
  },
};
