fn(state => {
  return $.data;
});
