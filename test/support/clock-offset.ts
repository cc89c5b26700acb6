// Loaded before a process: its clock is TEST_CLOCK_OFFSET_MS ahead. Timers are not.
const offsetMs = Number(process.env["TEST_CLOCK_OFFSET_MS"]);
const now = Date.now;

Date.now = () => now() + offsetMs;
