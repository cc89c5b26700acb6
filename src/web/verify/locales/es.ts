import type { PageLocale } from "../page-texts.ts";

/** Usted. */
export const es: PageLocale = {
  htmlLang: "es",
  texts: {
    title: "Verifique su dirección de correo electrónico",
    lead: "El código de su correo ya está escrito. Pulse el botón para terminar.",
    leadWithoutCode: "Escriba el código de su correo y pulse el botón.",
    codeLabel: "Código del correo",
    button: "Verificar correo electrónico",
    working: "Comprobando el código…",
    ignore:
      "Si usted no lo ha solicitado, cierre esta página: no ocurrirá nada mientras no se pulse el botón.",
    verifiedTitle: "Correo electrónico verificado",
    verifiedText: "Gracias, su dirección de correo electrónico está verificada.",
    verifiedNext: "Puede cerrar esta página y continuar en la aplicación que le envió el correo.",
    onward: "Continuar a {{host}}",
    redirecting: "En unos segundos se le llevará a {{host}}.",
    stay: "Quedarse aquí",
    refusedTitle: "Este código no se puede usar",
    refusedText:
      "Es incorrecto, ha caducado, fue sustituido por otro más reciente o se ha probado demasiadas veces.",
    refusedNext:
      "Compárelo con su correo más reciente. Si sigue sin funcionar, pida un código nuevo en la aplicación que le envió el correo.",
    missingCode: "Escriba primero el código del correo.",
    offlineTitle: "No tiene conexión",
    offlineText: "Su código no se ha perdido. Pulse el botón de nuevo cuando vuelva a tener conexión.",
    unavailableTitle: "No es posible en este momento",
    unavailableText:
      "No se ha podido comprobar su código. No se ha perdido: vuelva a pulsar el botón dentro de un momento.",
    incompleteTitle: "Este enlace está incompleto",
    incompleteText:
      "Falta una parte del enlace. Ábralo de nuevo desde el correo o cópielo entero en la barra de direcciones.",
    incompleteNext: "Si no sirve de ayuda, pida un código nuevo en la aplicación que le envió el correo.",
    notAcceptedTitle: "No aceptado",
    notAcceptedText: "Abra el enlace de su correo y pulse el botón de la página.",
  },
};
