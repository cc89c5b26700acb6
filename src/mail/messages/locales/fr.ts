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
  notice: {
    subject: "Votre adresse e-mail a été modifiée",
    preheader: "Les e-mails concernant votre compte sont désormais envoyés à une autre adresse.",
    title: "Votre adresse e-mail a été modifiée",
    intro: "L’adresse e-mail de votre compte {{sender}} a été modifiée\u00A0:",
    oldAddress: "Ancienne adresse\u00A0: {{address}}",
    newAddress: "Nouvelle adresse\u00A0: {{newAddress}}",
    time: "Date\u00A0: {{changedAt}}",
    expected: "Si vous êtes à l’origine de ce changement, vous n’avez rien à faire.",
    unexpected:
      "Sinon, quelqu’un d’autre a peut-être accès à votre compte\u00A0: contactez {{sender}} sans attendre.",
  },
};
