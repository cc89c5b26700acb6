import { expect, test } from "@jest/globals";
import { TimeWords } from "../../../../src/mail/messages/time-words.ts";

const AT_MS = Date.UTC(2026, 10, 22, 21, 5);
const MINUTE_MS = 60_000;

test.each([
  [0, "1 minute"],
  [60_000, "1 minute"],
  [15 * MINUTE_MS, "15 minutes"],
  [90 * MINUTE_MS, "1 hour, 30 minutes"],
  [24 * 60 * MINUTE_MS, "1 day"],
  [(2 * 1440 + 61) * MINUTE_MS, "2 days, 1 hour, 1 minute"],
])("%d ms are %s", (ms, words) => {
  expect(new TimeWords("en-GB").duration(ms)).toBe(words);
});

test.each([
  ["pl", 1, "1 minuta"],
  ["pl", 2, "2 minuty"],
  ["pl", 5, "5 minut"],
  ["pl", 22, "22 minuty"],
  ["de", 1, "1 Minute"],
  ["ja", 61, "1時間1分"],
  ["zh-Hans", 61, "1小时1分钟"],
  ["ar", 1, "دقيقة"],
])("in %s %d minutes are %s", (tag, minutes, words) => {
  expect(new TimeWords(tag).duration(minutes * MINUTE_MS)).toContain(words);
});

test.each([
  ["en-GB", "22 November 2026 at 21:05 UTC"],
  ["en-US", "November 22, 2026 at 9:05 PM UTC"],
  ["de", "22. November 2026 um 21:05 UTC"],
  ["ja", "2026年11月22日 21:05 UTC"],
])("in %s a moment is %s, whatever the machine's time zone", (tag, words) => {
  // Newer versions of CLDR have a narrow space before PM.
  expect(new TimeWords(tag).moment(AT_MS).replace("\u202F", " ")).toBe(words);
});

test.each(["th", "fa", "ar-SA", "ar-EG", "hi-u-nu-deva"])(
  "in %s years and digits are those of the code",
  (tag) => {
    const words = new TimeWords(tag);
    expect(words.date(AT_MS)).toContain("2026");
    expect(words.time(AT_MS)).toMatch(/05/);
  },
);
