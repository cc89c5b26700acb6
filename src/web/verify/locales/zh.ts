import type { PageLocale } from "../page-texts.ts";

/** 您, simplified characters. */
export const zh: PageLocale = {
  htmlLang: "zh-Hans",
  texts: {
    title: "验证您的电子邮件地址",
    lead: "邮件中的验证码已填好。请点击按钮完成验证。",
    leadWithoutCode: "请输入邮件中的验证码，然后点击按钮。",
    codeLabel: "邮件中的验证码",
    button: "验证电子邮件地址",
    working: "正在检查验证码…",
    ignore: "如果不是您本人申请的，请关闭此页面：不点击按钮，就不会发生任何更改。",
    verifiedTitle: "电子邮件地址已验证",
    verifiedText: "谢谢，您的电子邮件地址已通过验证。",
    verifiedNext: "您可以关闭此页面，回到向您发送邮件的应用继续操作。",
    onward: "前往 {{host}}",
    redirecting: "几秒钟后将为您转到 {{host}}。",
    stay: "留在此页",
    refusedTitle: "此验证码无法使用",
    refusedText: "验证码有误、已过期、已被新的验证码取代，或尝试次数过多。",
    refusedNext: "请与最新邮件中的验证码核对。如果仍无法使用，请在向您发送邮件的应用中申请新的验证码。",
    missingCode: "请先输入邮件中的验证码。",
    offlineTitle: "您已离线",
    offlineText: "您的验证码不会丢失。恢复连接后，请再次点击按钮。",
    unavailableTitle: "暂时无法处理",
    unavailableText: "未能检查您的验证码。验证码不会丢失：请稍后再次点击按钮。",
    incompleteTitle: "此链接不完整",
    incompleteText: "链接缺少一部分。请从邮件中重新打开，或将完整链接复制到地址栏。",
    incompleteNext: "如果仍然不行，请在向您发送邮件的应用中申请新的验证码。",
    notAcceptedTitle: "未被接受",
    notAcceptedText: "请打开邮件中的链接，并点击页面上的按钮。",
  },
};
