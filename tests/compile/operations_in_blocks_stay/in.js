if (a) {
  fn(1);
}
for (const x of y) fn(x);
