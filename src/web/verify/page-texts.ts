/** The words of the verification page, in the languages that mails come in. */

/** Every text is there in every language; `{{host}}` stands for where an onward link leads. */
export interface PageTexts {
  readonly title: string;
  /** Below the title, when the link brought the code. */
  readonly lead: string;
  readonly leadWithoutCode: string;
  readonly codeLabel: string;
  readonly button: string;
  /** On the button while the service is asked. */
  readonly working: string;
  /** For readers who asked for nothing. */
  readonly ignore: string;
  readonly verifiedTitle: string;
  readonly verifiedText: string;
  readonly verifiedNext: string;
  readonly onward: string;
  readonly redirecting: string;
  readonly stay: string;
  readonly refusedTitle: string;
  readonly refusedText: string;
  readonly refusedNext: string;
  readonly missingCode: string;
  readonly offlineTitle: string;
  readonly offlineText: string;
  readonly unavailableTitle: string;
  readonly unavailableText: string;
  readonly incompleteTitle: string;
  readonly incompleteText: string;
  readonly incompleteNext: string;
  readonly notAcceptedTitle: string;
  readonly notAcceptedText: string;
}

export interface PageLocale {
  /** For `<html lang>`: where the tag alone leaves a reader's program to guess the script. */
  readonly htmlLang: string;
  readonly texts: PageTexts;
}
