fn(state => {
  await get(state);
});
