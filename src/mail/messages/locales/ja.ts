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
  notice: {
    subject: "メールアドレスが変更されました",
    preheader: "今後、アカウントに関するメールは別のアドレスに送信されます。",
    title: "メールアドレスが変更されました",
    intro: "{{sender}} のアカウントのメールアドレスが変更されました。",
    oldAddress: "変更前：{{address}}",
    newAddress: "変更後：{{newAddress}}",
    time: "変更日時：{{changedAt}}",
    expected: "ご本人による変更の場合は、何もする必要はありません。",
    unexpected:
      "お心当たりがない場合は、第三者がアカウントにアクセスしている可能性があります。至急 {{sender}} までご連絡ください。",
  },
};
