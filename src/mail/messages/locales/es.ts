import type { BuiltInLocale } from "../text-keys.ts";

/** Usted. */
export const es: BuiltInLocale = {
  htmlLang: "es",
  formatTag: "es",
  texts: {
    subject: "Verifique su dirección de correo electrónico",
    preheader: "El código de este correo confirma que esta dirección es suya.",
    title: "Verifique su dirección de correo electrónico",
    greeting: "Hola, {{name}}:",
    greetingWithoutName: "Hola:",
    intro: "Utilice este código para verificar su dirección de correo electrónico:",
    button: "Verificar correo electrónico",
    linkIntro: "O abra este enlace y pulse el botón de la página:",
    linkFallback: "Si el botón no funciona, abra este enlace:",
    validity: "El código es válido hasta el {{expiry}} ({{lifetime}} después de solicitarlo).",
    ignore: "Si usted no ha solicitado este código, ignore este correo: sin el código no ocurrirá nada.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Su dirección de correo electrónico ha cambiado",
    preheader: "A partir de ahora, los correos sobre su cuenta se envían a otra dirección.",
    title: "Su dirección de correo electrónico ha cambiado",
    intro: "La dirección de correo electrónico de su cuenta de {{sender}} ha cambiado:",
    oldAddress: "Antes: {{address}}",
    newAddress: "Ahora: {{newAddress}}",
    time: "Fecha: {{changedAt}}",
    expected: "Si ha sido usted, no tiene que hacer nada.",
    unexpected:
      "Si no ha sido usted, es posible que otra persona tenga acceso a su cuenta: póngase en contacto con {{sender}} cuanto antes.",
  },
};
