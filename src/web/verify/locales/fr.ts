import type { PageLocale } from "../page-texts.ts";

/** Vous. A colon has a no-break space before it. */
export const fr: PageLocale = {
  htmlLang: "fr",
  texts: {
    title: "Confirmez votre adresse e-mail",
    lead: "Le code reçu par e-mail est déjà saisi. Cliquez sur le bouton pour terminer.",
    leadWithoutCode: "Saisissez le code reçu par e-mail, puis cliquez sur le bouton.",
    codeLabel: "Code reçu par e-mail",
    button: "Confirmer l’adresse e-mail",
    working: "Vérification du code…",
    ignore:
      "Si vous n’avez rien demandé, fermez cette page\u00A0: rien ne se passera tant que vous ne cliquez pas sur le bouton.",
    verifiedTitle: "Adresse e-mail confirmée",
    verifiedText: "Merci, votre adresse e-mail est confirmée.",
    verifiedNext: "Vous pouvez fermer cette page et revenir à l’application qui vous a envoyé l’e-mail.",
    onward: "Continuer vers {{host}}",
    redirecting: "Dans quelques secondes, vous serez redirigé vers {{host}}.",
    stay: "Rester ici",
    refusedTitle: "Ce code n’est pas utilisable",
    refusedText: "Il est erroné, expiré, remplacé par un code plus récent, ou a été essayé trop souvent.",
    refusedNext:
      "Comparez-le avec l’e-mail le plus récent. S’il ne fonctionne toujours pas, demandez un nouveau code dans l’application qui vous a envoyé l’e-mail.",
    missingCode: "Saisissez d’abord le code reçu par e-mail.",
    offlineTitle: "Vous êtes hors ligne",
    offlineText:
      "Votre code n’est pas perdu. Cliquez à nouveau sur le bouton dès que la connexion sera rétablie.",
    unavailableTitle: "Impossible pour le moment",
    unavailableText:
      "Votre code n’a pas pu être vérifié. Il n’est pas perdu\u00A0: cliquez à nouveau sur le bouton dans un instant.",
    incompleteTitle: "Ce lien est incomplet",
    incompleteText:
      "Une partie du lien manque. Ouvrez-le à nouveau depuis l’e-mail ou copiez-le en entier dans la barre d’adresse.",
    incompleteNext:
      "Si cela ne suffit pas, demandez un nouveau code dans l’application qui vous a envoyé l’e-mail.",
    notAcceptedTitle: "Non accepté",
    notAcceptedText: "Ouvrez le lien contenu dans l’e-mail et cliquez sur le bouton de la page.",
  },
};
