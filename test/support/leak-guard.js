// Runs after the last test. A leaked handle must not hold up whoever waits for the run: it is given half a minute, then
// the run ends with the code that it earned. The timer itself holds up nothing.
const GRACE_MS = 30_000;

export default function guardAgainstLeaks() {
  setTimeout(() => {
    console.error("a test left something open; `--detectOpenHandles` tells what");
    process.exit();
  }, GRACE_MS).unref();
}
