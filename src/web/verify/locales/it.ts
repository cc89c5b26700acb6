import type { PageLocale } from "../page-texts.ts";

/** Lei. */
export const it: PageLocale = {
  htmlLang: "it",
  texts: {
    title: "Verifichi il Suo indirizzo e-mail",
    lead: "Il codice ricevuto per e-mail è già inserito. Prema il pulsante per concludere.",
    leadWithoutCode: "Inserisca il codice ricevuto per e-mail e prema il pulsante.",
    codeLabel: "Codice ricevuto per e-mail",
    button: "Verifica l’indirizzo e-mail",
    working: "Controllo del codice…",
    ignore:
      "Se non l’ha richiesto Lei, chiuda questa pagina: finché non si preme il pulsante non succede nulla.",
    verifiedTitle: "Indirizzo e-mail verificato",
    verifiedText: "Grazie, il Suo indirizzo e-mail è verificato.",
    verifiedNext: "Può chiudere questa pagina e continuare nell’app che Le ha inviato l’e-mail.",
    onward: "Continua su {{host}}",
    redirecting: "Tra pochi secondi si aprirà {{host}}.",
    stay: "Resta qui",
    refusedTitle: "Questo codice non è utilizzabile",
    refusedText: "È errato, scaduto, sostituito da uno più recente oppure è stato provato troppe volte.",
    refusedNext:
      "Lo confronti con l’e-mail più recente. Se ancora non funziona, chieda un nuovo codice nell’app che Le ha inviato l’e-mail.",
    missingCode: "Inserisca prima il codice ricevuto per e-mail.",
    offlineTitle: "Nessuna connessione",
    offlineText: "Il Suo codice non è perso. Prema di nuovo il pulsante quando la connessione è tornata.",
    unavailableTitle: "Al momento non è possibile",
    unavailableText:
      "Non è stato possibile controllare il codice. Non è perso: prema di nuovo il pulsante tra un momento.",
    incompleteTitle: "Questo link è incompleto",
    incompleteText:
      "Manca una parte del link. Lo apra di nuovo dall’e-mail o lo copi per intero nella barra degli indirizzi.",
    incompleteNext: "Se non basta, chieda un nuovo codice nell’app che Le ha inviato l’e-mail.",
    notAcceptedTitle: "Non accettato",
    notAcceptedText: "Apra il link contenuto nell’e-mail e prema il pulsante nella pagina.",
  },
};
