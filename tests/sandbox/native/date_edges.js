// ends: success
// why: dates at and beyond the edges, in every time zone that ICU can be made to load.
fn(() => {
  const dates = [8.64e15, -8.64e15, 8.64e15 + 1, NaN, -1, 2 ** 53].map((time) => new Date(time));
  for (const date of dates) {
    try {
      date.toLocaleString("ar-EG-u-ca-islamic-nu-arab", { timeZone: "Antarctica/Troll", dateStyle: "full" });
    } catch {
      continue;
    }
  }
  return { dates };
});
