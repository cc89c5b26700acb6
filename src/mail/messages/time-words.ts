/** Moments and durations in a language's own words. */

const MINUTE_MS = 60_000;
const MINUTES_PER_HOUR = 60;
const MINUTES_PER_DAY = 1_440;

// CLDR separates numbers from units in Japanese, which is written without spaces.
const SPACE_IN_CJK = /(?<=[\d\p{Script=Han}]) (?=[\d\p{Script=Han}])/gu;

/** What a mail says about times. Intl's objects are slow to make: there is one set per language. */
export class TimeWords {
  readonly #moment: Intl.DateTimeFormat;
  readonly #date: Intl.DateTimeFormat;
  readonly #time: Intl.DateTimeFormat;
  readonly #list: Intl.ListFormat;
  readonly #units: Readonly<Record<"day" | "hour" | "minute", Intl.NumberFormat>>;

  /** @param tag a language tag of BCP 47 */
  constructor(tag: string) {
    // The numbers are read beside a code: in the digits that the code is written in.
    const numberingSystem = "latn";
    const unit = (name: string) =>
      new Intl.NumberFormat(tag, { style: "unit", unit: name, unitDisplay: "long", numberingSystem });
    const utc = { timeZone: "UTC", calendar: "gregory", numberingSystem } as const;
    this.#moment = new Intl.DateTimeFormat(tag, { ...utc, dateStyle: "long", timeStyle: "short" });
    this.#date = new Intl.DateTimeFormat(tag, { ...utc, dateStyle: "long" });
    this.#time = new Intl.DateTimeFormat(tag, { ...utc, timeStyle: "short" });
    this.#list = new Intl.ListFormat(tag, { type: "unit", style: "long" });
    this.#units = { day: unit("day"), hour: unit("hour"), minute: unit("minute") };
  }

  /** `22 November 2026 at 21:05 UTC`, for milliseconds since the Unix epoch. */
  moment(atMs: number): string {
    return `${this.#moment.format(atMs)} UTC`;
  }

  /** `22 November 2026`, in UTC. */
  date(atMs: number): string {
    return this.#date.format(atMs);
  }

  /** `21:05`, in UTC. */
  time(atMs: number): string {
    return this.#time.format(atMs);
  }

  /** `1 hour`, `2 days, 30 minutes`: whole minutes, one at least. */
  duration(durationMs: number): string {
    const minutes = Math.max(1, Math.floor(durationMs / MINUTE_MS));
    const parts = [
      { count: Math.floor(minutes / MINUTES_PER_DAY), unit: this.#units.day },
      { count: Math.floor((minutes % MINUTES_PER_DAY) / MINUTES_PER_HOUR), unit: this.#units.hour },
      { count: minutes % MINUTES_PER_HOUR, unit: this.#units.minute },
    ];
    const words = parts.filter(({ count }) => count > 0).map(({ count, unit }) => unit.format(count));
    return this.#list.format(words).replace(SPACE_IN_CJK, "");
  }
}
