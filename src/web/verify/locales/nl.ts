import type { PageLocale } from "../page-texts.ts";

/** U. */
export const nl: PageLocale = {
  htmlLang: "nl",
  texts: {
    title: "Bevestig uw e-mailadres",
    lead: "De code uit uw e-mail is al ingevuld. Klik op de knop om af te ronden.",
    leadWithoutCode: "Typ de code uit uw e-mail en klik op de knop.",
    codeLabel: "Code uit de e-mail",
    button: "E-mailadres bevestigen",
    working: "De code wordt gecontroleerd…",
    ignore:
      "Hebt u hier niet om gevraagd? Sluit dan deze pagina: er gebeurt niets zolang er niet op de knop wordt geklikt.",
    verifiedTitle: "E-mailadres bevestigd",
    verifiedText: "Bedankt, uw e-mailadres is bevestigd.",
    verifiedNext: "U kunt deze pagina sluiten en verdergaan in de app die u de e-mail heeft gestuurd.",
    onward: "Verder naar {{host}}",
    redirecting: "Over enkele seconden gaat u verder naar {{host}}.",
    stay: "Hier blijven",
    refusedTitle: "Deze code is niet bruikbaar",
    refusedText: "De code is onjuist, verlopen, vervangen door een nieuwere of te vaak geprobeerd.",
    refusedNext:
      "Vergelijk de code met uw nieuwste e-mail. Werkt het dan nog niet? Vraag dan een nieuwe code aan in de app die u de e-mail heeft gestuurd.",
    missingCode: "Typ eerst de code uit de e-mail.",
    offlineTitle: "U bent offline",
    offlineText: "Uw code is niet verloren. Klik opnieuw op de knop zodra u weer verbinding hebt.",
    unavailableTitle: "Dit lukt nu even niet",
    unavailableText:
      "Uw code kon niet worden gecontroleerd. Hij is niet verloren: klik zo meteen opnieuw op de knop.",
    incompleteTitle: "Deze link is onvolledig",
    incompleteText:
      "Een deel van de link ontbreekt. Open de link opnieuw vanuit de e-mail of kopieer hem volledig naar de adresbalk.",
    incompleteNext: "Helpt dat niet? Vraag dan een nieuwe code aan in de app die u de e-mail heeft gestuurd.",
    notAcceptedTitle: "Niet geaccepteerd",
    notAcceptedText: "Open de link in uw e-mail en klik daar op de knop.",
  },
};
