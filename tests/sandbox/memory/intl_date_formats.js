// limit: memory=48 step=3000
// ends: kill oom
// why: a DateTimeFormat is the largest object of Intl.
fn(() => {
  const kept = [];
  while (true) {
    const format = new Intl.DateTimeFormat("ar-EG", { dateStyle: "full", timeZone: "Asia/Kathmandu", calendar: "islamic" });
    format.formatRange(0, 1e12);
    kept.push(format);
  }
});
