import type { BuiltInLocale } from "../text-keys.ts";

/** です・ます. */
export const ja: BuiltInLocale = {
  htmlLang: "ja",
  formatTag: "ja",
  texts: {
    subject: "メールアドレスの確認",
    preheader: "このメールに記載のコードで、メールアドレスをご本人のものと確認できます。",
    title: "メールアドレスの確認",
    greeting: "{{name}} 様",
    greetingWithoutName: "ご利用者様",
    intro: "メールアドレスを確認するため、次のコードを入力してください。",
    button: "メールアドレスを確認する",
    linkIntro: "または、次のリンクを開き、ページ内のボタンを押してください。",
    linkFallback: "ボタンを押しても動作しない場合は、次のリンクを開いてください。",
    validity: "このコードは {{expiry}} まで有効です（リクエストから{{lifetime}}）。",
    ignore:
      "このコードをリクエストした覚えがない場合は、このメールを無視してください。コードが使われない限り、何も変更されません。",
    signature: "{{sender}}",
  },
};
