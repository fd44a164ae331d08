fn(state => {
  return state;
