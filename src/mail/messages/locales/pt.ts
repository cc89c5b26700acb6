import type { BuiltInLocale } from "../text-keys.ts";

/** Formal, in words that Portugal and Brazil share. */
export const pt: BuiltInLocale = {
  htmlLang: "pt",
  formatTag: "pt-PT",
  texts: {
    subject: "Confirme o seu endereço de e-mail",
    preheader: "O código nesta mensagem confirma que este endereço é seu.",
    title: "Confirme o seu endereço de e-mail",
    greeting: "Olá, {{name}},",
    greetingWithoutName: "Olá,",
    intro: "Utilize este código para confirmar o seu endereço de e-mail:",
    button: "Confirmar endereço de e-mail",
    linkIntro: "Ou abra este link e clique no botão da página:",
    linkFallback: "Se o botão não funcionar, abra este link:",
    validity: "O código é válido até {{expiry}} ({{lifetime}} após o pedido).",
    ignore: "Se não pediu este código, ignore este e-mail: sem o código, nada acontece.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "O seu endereço de e-mail foi alterado",
    preheader: "A partir de agora, os e-mails sobre a sua conta são enviados para outro endereço.",
    title: "O seu endereço de e-mail foi alterado",
    intro: "O endereço de e-mail da sua conta em {{sender}} foi alterado:",
    oldAddress: "Antes: {{address}}",
    newAddress: "Agora: {{newAddress}}",
    time: "Data: {{changedAt}}",
    expected: "Se reconhece esta alteração, não é necessário fazer nada.",
    unexpected:
      "Se não a reconhece, é possível que outra pessoa tenha acesso à sua conta: fale imediatamente com {{sender}}.",
  },
};
