import type { BuiltInLocale } from "../text-keys.ts";

/**
 * Lei. A sentence after the greeting's comma goes on in lower case. The date stands after a colon, because an article
 * before it would change with the day (il 7, l’8).
 */
export const it: BuiltInLocale = {
  htmlLang: "it",
  formatTag: "it",
  texts: {
    subject: "Verifichi il Suo indirizzo e-mail",
    preheader: "Il codice contenuto in questa e-mail conferma che l’indirizzo è Suo.",
    title: "Verifichi il Suo indirizzo e-mail",
    greeting: "Buongiorno {{name}},",
    greetingWithoutName: "Buongiorno,",
    intro: "utilizzi questo codice per verificare il Suo indirizzo e-mail:",
    button: "Verifica l’indirizzo e-mail",
    linkIntro: "Oppure apra questo link e prema il pulsante nella pagina:",
    linkFallback: "Se il pulsante non funziona, apra questo link:",
    validity: "Scadenza del codice: {{expiry}} ({{lifetime}} dalla richiesta).",
    ignore: "Se non ha richiesto Lei questo codice, ignori questa e-mail: senza il codice non succede nulla.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Il Suo indirizzo e-mail è stato modificato",
    preheader: "D’ora in poi le e-mail relative al Suo account arrivano a un altro indirizzo.",
    title: "Il Suo indirizzo e-mail è stato modificato",
    intro: "l’indirizzo e-mail del Suo account presso {{sender}} è stato modificato:",
    oldAddress: "Prima: {{address}}",
    newAddress: "Ora: {{newAddress}}",
    time: "Data: {{changedAt}}",
    expected: "Se la modifica è Sua, non deve fare nulla.",
    unexpected:
      "Se la modifica non è Sua, qualcun altro potrebbe avere accesso al Suo account: contatti subito {{sender}}.",
  },
};
