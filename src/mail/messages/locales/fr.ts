import type { BuiltInLocale } from "../text-keys.ts";

/** Vous. A colon has a no-break space before it. */
export const fr: BuiltInLocale = {
  htmlLang: "fr",
  formatTag: "fr",
  texts: {
    subject: "Confirmez votre adresse e-mail",
    preheader: "Le code contenu dans cet e-mail confirme que cette adresse vous appartient.",
    title: "Confirmez votre adresse e-mail",
    greeting: "Bonjour {{name}},",
    greetingWithoutName: "Bonjour,",
    intro: "Utilisez ce code pour confirmer votre adresse e-mail\u00A0:",
    button: "Confirmer l’adresse e-mail",
    linkIntro: "Ou ouvrez ce lien et cliquez sur le bouton de la page\u00A0:",
    linkFallback: "Si le bouton ne fonctionne pas, ouvrez ce lien\u00A0:",
    validity: "Ce code est valable jusqu’au {{expiry}} ({{lifetime}} après la demande).",
    ignore: "Si vous n’avez pas demandé ce code, ignorez cet e-mail\u00A0: sans le code, rien ne se passera.",
    signature: "{{sender}}",
  },
};
