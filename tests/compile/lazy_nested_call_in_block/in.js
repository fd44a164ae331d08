fn(() => {
  get($.data);
});
