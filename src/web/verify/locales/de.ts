import type { PageLocale } from "../page-texts.ts";

/** Sie. */
export const de: PageLocale = {
  htmlLang: "de",
  texts: {
    title: "Bestätigen Sie Ihre E-Mail-Adresse",
    lead: "Der Code aus Ihrer E-Mail ist schon eingetragen. Klicken Sie zum Abschluss auf die Schaltfläche.",
    leadWithoutCode: "Geben Sie den Code aus Ihrer E-Mail ein und klicken Sie auf die Schaltfläche.",
    codeLabel: "Code aus der E-Mail",
    button: "E-Mail-Adresse bestätigen",
    working: "Der Code wird geprüft …",
    ignore:
      "Falls Sie das nicht angefordert haben, schließen Sie diese Seite: Ohne Klick auf die Schaltfläche geschieht nichts.",
    verifiedTitle: "E-Mail-Adresse bestätigt",
    verifiedText: "Vielen Dank, Ihre E-Mail-Adresse ist bestätigt.",
    verifiedNext:
      "Sie können diese Seite schließen und in der App weitermachen, die Ihnen die E-Mail geschickt hat.",
    onward: "Weiter zu {{host}}",
    redirecting: "In wenigen Sekunden werden Sie zu {{host}} weitergeleitet.",
    stay: "Hier bleiben",
    refusedTitle: "Dieser Code ist nicht gültig",
    refusedText: "Er ist falsch, abgelaufen, durch einen neueren ersetzt oder wurde zu oft versucht.",
    refusedNext:
      "Vergleichen Sie ihn mit Ihrer neuesten E-Mail. Hilft das nicht, fordern Sie in der App, die Ihnen die E-Mail geschickt hat, einen neuen Code an.",
    missingCode: "Geben Sie zuerst den Code aus der E-Mail ein.",
    offlineTitle: "Sie sind offline",
    offlineText:
      "Ihr Code ist nicht verloren. Klicken Sie noch einmal auf die Schaltfläche, sobald Sie wieder verbunden sind.",
    unavailableTitle: "Zurzeit nicht möglich",
    unavailableText:
      "Ihr Code konnte nicht geprüft werden. Er ist nicht verloren: Klicken Sie gleich noch einmal auf die Schaltfläche.",
    incompleteTitle: "Dieser Link ist unvollständig",
    incompleteText:
      "Ein Teil des Links fehlt. Öffnen Sie ihn noch einmal aus der E-Mail oder kopieren Sie ihn vollständig in die Adresszeile.",
    incompleteNext:
      "Hilft das nicht, fordern Sie in der App, die Ihnen die E-Mail geschickt hat, einen neuen Code an.",
    notAcceptedTitle: "Nicht angenommen",
    notAcceptedText: "Öffnen Sie den Link in Ihrer E-Mail und klicken Sie dort auf die Schaltfläche.",
  },
};
