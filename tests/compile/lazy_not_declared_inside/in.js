fn(s => {
  const $ = 10;
  s.data = $.a;
  return s;
});
