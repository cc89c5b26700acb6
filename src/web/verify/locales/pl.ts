import type { PageLocale } from "../page-texts.ts";

/** Polite and without a gender: Państwo, nouns and infinitives. */
export const pl: PageLocale = {
  htmlLang: "pl",
  texts: {
    title: "Potwierdzenie adresu e-mail",
    lead: "Kod z wiadomości jest już wpisany. Aby zakończyć, prosimy nacisnąć przycisk.",
    leadWithoutCode: "Prosimy wpisać kod z wiadomości i nacisnąć przycisk.",
    codeLabel: "Kod z wiadomości",
    button: "Potwierdź adres e-mail",
    working: "Sprawdzanie kodu…",
    ignore:
      "Jeśli prośba nie pochodzi od Państwa, prosimy zamknąć tę stronę: bez naciśnięcia przycisku nic się nie stanie.",
    verifiedTitle: "Adres e-mail potwierdzony",
    verifiedText: "Dziękujemy, adres e-mail został potwierdzony.",
    verifiedNext: "Można zamknąć tę stronę i wrócić do aplikacji, która wysłała wiadomość.",
    onward: "Przejdź do {{host}}",
    redirecting: "Za kilka sekund nastąpi przejście do {{host}}.",
    stay: "Zostań tutaj",
    refusedTitle: "Tego kodu nie można użyć",
    refusedText: "Jest błędny, wygasł, został zastąpiony nowszym albo podano go zbyt wiele razy.",
    refusedNext:
      "Prosimy porównać go z najnowszą wiadomością. Jeśli to nie pomoże, prosimy o zamówienie nowego kodu w aplikacji, która wysłała wiadomość.",
    missingCode: "Najpierw prosimy wpisać kod z wiadomości.",
    offlineTitle: "Brak połączenia z siecią",
    offlineText: "Kod nie przepadł. Po odzyskaniu połączenia prosimy ponownie nacisnąć przycisk.",
    unavailableTitle: "Chwilowo niemożliwe",
    unavailableText:
      "Nie udało się sprawdzić kodu. Kod nie przepadł: prosimy za chwilę ponownie nacisnąć przycisk.",
    incompleteTitle: "Ten link jest niepełny",
    incompleteText:
      "Brakuje części linku. Prosimy otworzyć go ponownie z wiadomości albo skopiować w całości do paska adresu.",
    incompleteNext:
      "Jeśli to nie pomoże, prosimy o zamówienie nowego kodu w aplikacji, która wysłała wiadomość.",
    notAcceptedTitle: "Nie przyjęto",
    notAcceptedText: "Prosimy otworzyć link z wiadomości i nacisnąć przycisk na stronie.",
  },
};
