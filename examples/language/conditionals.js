// Operations that run only if a condition holds, and several operations as one.
get("/patients/p2");

fnIf($.data.visits === 0, combine(
  book($.data.id, "first visit"),
  fn((state) => {
    console.log(`${state.data.name} comes for the first time`);
    return state;
  }),
));

fnIf($.data.visits > 10, book($.data.id, "review"));
