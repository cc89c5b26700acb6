import type { PageLocale } from "../page-texts.ts";

/** です・ます. */
export const ja: PageLocale = {
  htmlLang: "ja",
  texts: {
    title: "メールアドレスの確認",
    lead: "メールに記載のコードは入力済みです。ボタンを押すと確認が完了します。",
    leadWithoutCode: "メールに記載のコードを入力し、ボタンを押してください。",
    codeLabel: "メールに記載のコード",
    button: "メールアドレスを確認する",
    working: "コードを確認しています…",
    ignore: "お心当たりがない場合は、このページを閉じてください。ボタンを押さない限り、何も変更されません。",
    verifiedTitle: "メールアドレスを確認しました",
    verifiedText: "ありがとうございます。メールアドレスの確認が完了しました。",
    verifiedNext: "このページを閉じて、メールの送信元のアプリにお戻りください。",
    onward: "{{host}} に進む",
    redirecting: "数秒後に {{host}} に移動します。",
    stay: "このページに留まる",
    refusedTitle: "このコードは使用できません",
    refusedText:
      "コードが間違っているか、期限切れか、新しいコードに置き換えられたか、試行回数の上限に達しています。",
    refusedNext:
      "最新のメールのコードと比べてください。それでも使用できない場合は、メールの送信元のアプリで新しいコードをリクエストしてください。",
    missingCode: "先にメールに記載のコードを入力してください。",
    offlineTitle: "オフラインです",
    offlineText: "コードは失われていません。接続が回復したら、もう一度ボタンを押してください。",
    unavailableTitle: "現在ご利用いただけません",
    unavailableText:
      "コードを確認できませんでした。コードは失われていません。しばらくしてから、もう一度ボタンを押してください。",
    incompleteTitle: "このリンクは不完全です",
    incompleteText:
      "リンクの一部が欠けています。メールからもう一度開くか、リンク全体をアドレスバーにコピーしてください。",
    incompleteNext: "それでも開けない場合は、メールの送信元のアプリで新しいコードをリクエストしてください。",
    notAcceptedTitle: "受け付けられませんでした",
    notAcceptedText: "メールのリンクを開き、そのページのボタンを押してください。",
  },
};
