import type { PageLocale } from "../page-texts.ts";

/** Formal, in words that Portugal and Brazil share. */
export const pt: PageLocale = {
  htmlLang: "pt",
  texts: {
    title: "Confirme o seu endereço de e-mail",
    lead: "O código do seu e-mail já está preenchido. Clique no botão para concluir.",
    leadWithoutCode: "Introduza o código do seu e-mail e clique no botão.",
    codeLabel: "Código do e-mail",
    button: "Confirmar endereço de e-mail",
    working: "Verificação do código…",
    ignore: "Se não pediu isto, feche esta página: nada acontece enquanto não se clicar no botão.",
    verifiedTitle: "Endereço de e-mail confirmado",
    verifiedText: "O seu endereço de e-mail está confirmado. Agradecemos.",
    verifiedNext: "Pode fechar esta página e continuar na aplicação que lhe enviou o e-mail.",
    onward: "Continuar para {{host}}",
    redirecting: "Dentro de alguns segundos será levado para {{host}}.",
    stay: "Ficar aqui",
    refusedTitle: "Este código não pode ser usado",
    refusedText: "Está errado, expirou, foi substituído por um mais recente ou foi tentado demasiadas vezes.",
    refusedNext:
      "Compare-o com o e-mail mais recente. Se ainda assim não funcionar, peça um novo código na aplicação que lhe enviou o e-mail.",
    missingCode: "Introduza primeiro o código do e-mail.",
    offlineTitle: "Sem ligação à Internet",
    offlineText: "O seu código não se perdeu. Clique de novo no botão quando voltar a ter ligação.",
    unavailableTitle: "De momento não é possível",
    unavailableText:
      "Não foi possível verificar o seu código. Ele não se perdeu: clique de novo no botão dentro de momentos.",
    incompleteTitle: "Este link está incompleto",
    incompleteText:
      "Falta uma parte do link. Abra-o de novo a partir do e-mail ou copie-o por inteiro para a barra de endereços.",
    incompleteNext: "Se isso não ajudar, peça um novo código na aplicação que lhe enviou o e-mail.",
    notAcceptedTitle: "Pedido recusado",
    notAcceptedText: "Abra o link no seu e-mail e clique no botão da página.",
  },
};
