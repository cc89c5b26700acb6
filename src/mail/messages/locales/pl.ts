import type { BuiltInLocale } from "../text-keys.ts";

/** Polite and without a gender: Państwo, nouns and infinitives. A sentence after the greeting's comma goes on in lower case. */
export const pl: BuiltInLocale = {
  htmlLang: "pl",
  formatTag: "pl",
  texts: {
    subject: "Potwierdzenie adresu e-mail",
    preheader: "Kod z tej wiadomości służy do potwierdzenia adresu e-mail.",
    title: "Potwierdzenie adresu e-mail",
    greeting: "Dzień dobry {{name}},",
    greetingWithoutName: "Dzień dobry,",
    intro: "aby potwierdzić adres e-mail, prosimy użyć tego kodu:",
    button: "Potwierdź adres e-mail",
    linkIntro: "Można też otworzyć ten link i nacisnąć przycisk na stronie:",
    linkFallback: "Jeśli przycisk nie działa, prosimy otworzyć ten link:",
    validity:
      "Kod jest ważny do {{expiryDate}} r., godz. {{expiryTime}} UTC ({{lifetime}} od złożenia prośby).",
    ignore:
      "Jeśli prośba o ten kod nie pochodzi od Państwa, prosimy zignorować tę wiadomość: bez kodu nic się nie stanie.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Zmiana adresu e-mail",
    preheader: "Od teraz wiadomości dotyczące konta są wysyłane na inny adres.",
    title: "Zmiana adresu e-mail",
    intro: "adres e-mail konta w serwisie {{sender}} został zmieniony:",
    oldAddress: "Poprzedni adres: {{address}}",
    newAddress: "Nowy adres: {{newAddress}}",
    time: "Data zmiany: {{changedAt}}",
    expected: "Jeśli ta zmiana pochodzi od Państwa, nie trzeba nic robić.",
    unexpected:
      "Jeśli nie, być może ktoś inny ma dostęp do konta: prosimy niezwłocznie skontaktować się z serwisem {{sender}}.",
  },
};
