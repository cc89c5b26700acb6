import type { BuiltInLocale } from "../text-keys.ts";

/** Sie. A sentence after the greeting's comma goes on in lower case. */
export const de: BuiltInLocale = {
  htmlLang: "de",
  formatTag: "de",
  texts: {
    subject: "Bestätigen Sie Ihre E-Mail-Adresse",
    preheader: "Mit dem Code in dieser E-Mail bestätigen Sie, dass diese Adresse Ihnen gehört.",
    title: "Bestätigen Sie Ihre E-Mail-Adresse",
    greeting: "Guten Tag {{name}},",
    greetingWithoutName: "Guten Tag,",
    intro: "mit diesem Code bestätigen Sie Ihre E-Mail-Adresse:",
    button: "E-Mail-Adresse bestätigen",
    linkIntro: "Oder öffnen Sie diesen Link und klicken Sie dort auf die Schaltfläche:",
    linkFallback: "Falls die Schaltfläche nicht funktioniert, öffnen Sie diesen Link:",
    validity: "Der Code ist bis zum {{expiry}} gültig ({{lifetime}} ab der Anforderung).",
    ignore:
      "Falls Sie diesen Code nicht angefordert haben, ignorieren Sie diese E-Mail bitte: Ohne den Code geschieht nichts.",
    signature: "{{sender}}",
  },
  notice: {
    subject: "Ihre E-Mail-Adresse wurde geändert",
    preheader: "E-Mails zu Ihrem Konto gehen ab jetzt an eine andere Adresse.",
    title: "Ihre E-Mail-Adresse wurde geändert",
    intro: "die E-Mail-Adresse Ihres Kontos bei {{sender}} wurde geändert:",
    oldAddress: "Bisher: {{address}}",
    newAddress: "Jetzt: {{newAddress}}",
    time: "Zeitpunkt: {{changedAt}}",
    expected: "Falls Sie das selbst waren, brauchen Sie nichts zu tun.",
    unexpected:
      "Falls Sie es nicht waren, hat möglicherweise jemand anderes Zugang zu Ihrem Konto: Wenden Sie sich bitte umgehend an {{sender}}.",
  },
};
