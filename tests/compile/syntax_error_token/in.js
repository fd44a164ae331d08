fn(state => {
  const a = ;
});
