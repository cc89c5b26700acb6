import type { BuiltInLocale } from "../text-keys.ts";

/** 您, simplified characters. */
export const zh: BuiltInLocale = {
  htmlLang: "zh-Hans",
  formatTag: "zh-Hans",
  texts: {
    subject: "验证您的电子邮件地址",
    preheader: "请使用本邮件中的验证码，确认该邮箱地址归您所有。",
    title: "验证您的电子邮件地址",
    greeting: "{{name}}，您好：",
    greetingWithoutName: "您好：",
    intro: "请使用以下验证码验证您的电子邮件地址：",
    button: "验证电子邮件地址",
    linkIntro: "或者打开以下链接，并点击页面上的按钮：",
    linkFallback: "如果按钮无法使用，请打开以下链接：",
    validity: "验证码在 {{expiry}} 之前有效（自申请起{{lifetime}}）。",
    ignore: "如果不是您本人申请的验证码，请忽略此邮件：没有验证码，不会发生任何更改。",
    signature: "{{sender}}",
  },
  notice: {
    subject: "您的电子邮件地址已更改",
    preheader: "今后，与您账户有关的邮件将发送到另一个地址。",
    title: "您的电子邮件地址已更改",
    intro: "您在 {{sender}} 的账户的电子邮件地址已更改：",
    oldAddress: "原地址：{{address}}",
    newAddress: "新地址：{{newAddress}}",
    time: "更改时间：{{changedAt}}",
    expected: "如果是您本人操作，则无需处理。",
    unexpected: "如果不是您本人操作，可能有其他人进入了您的账户：请立即联系 {{sender}}。",
  },
};
