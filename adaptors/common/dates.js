// Dates in words, as `cursor` understands them. Days are those of the place where the job runs.

/**
 * The date that `text` stands for, or undefined if it stands for none. "start" is `start`, the moment of the run's first
 * cursor.
 */
export function dateOf(text, start) {
  switch (text) {
    case "start":
      return start;
    case "now":
    case "end":
      return new Date();
    case "today":
      return midnight(0);
    case "yesterday":
      return midnight(1);
  }
  const ago = /(?:hour|day)s? ago$/.test(text);
  if (!ago) return undefined;
  const count = /\d+/.exec(text)?.[0];
  if (count === undefined) {
    console.warn(`cursor: ${JSON.stringify(text)} says no number, as "2 days ago" does; it stays as it is`);
    return undefined;
  }
  const date = /days? ago$/.test(text) ? midnight(Number(count)) : new Date(Date.now() - Number(count) * 3_600_000);
  if (!Number.isNaN(date.getTime())) return date;
  console.warn(`cursor: ${JSON.stringify(text)} is before time began; it stays as it is`);
  return undefined;
}

/** For people, to the minute and with the offset, as in "00:00 22 Nov 2026 (GMT+2)". */
export function readable(date) {
  const two = (number) => String(number).padStart(2, "0");
  const month = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"][date.getMonth()];
  const east = -date.getTimezoneOffset();
  const minutes = Math.abs(east) % 60;
  const offset = `${east < 0 ? "-" : "+"}${Math.floor(Math.abs(east) / 60)}${minutes ? `:${two(minutes)}` : ""}`;
  const day = `${date.getDate()} ${month} ${date.getFullYear()}`;
  return `${two(date.getHours())}:${two(date.getMinutes())} ${day} (GMT${offset})`;
}

// By the calendar and not by 24 hours: days with a change of the clock are shorter or longer.
function midnight(daysAgo) {
  const date = new Date();
  date.setHours(0, 0, 0, 0);
  date.setDate(date.getDate() - daysAgo);
  return date;
}
