// One operation for each of many items. In it, `$.data` is the item.
each(
  "$.data.people[?(@.age >= 65 || @.age < 10)]",
  book($.data.id, state => (state.data.age < 10 ? "vaccination" : "check-up")),
);

fn(({ booked }) => ({ data: { booked } }));
