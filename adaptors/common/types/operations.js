// @ts-check
// A job as people write them: every operation, with lazy state.

const names = ["Ann", "Ben"];

fn(state => {
  console.log(state.data.count, state.references?.length, state.anything.at.all);
  return { ...state, started: Date.now() };
});

fn(async state => {
  await new Promise(resolve => setTimeout(resolve, 1));
  state.data = names;
  return state;
});

fnIf($.data.ready, fn(state => state));
fnIf(state => state.data.length > 0, state => ({ ...state, some: true }));

each($.data.items, fn(state => ({ ...state, last: state.index })));
each("$.data.items[*]", combine(fn(state => state), fn(async state => state)));
each(state => state.data, state => state);
each([1, 2, 3], fn(state => state));
each(dataPath("items[*]"), fn(state => state));
each(
  merge("$.data.items[*]", fields(field("publisher", sourceValue("$.publisher")), field("id", lastReferenceValue("id")))),
  fn(state => state),
);

as("patients", fn(state => ({ ...state, data: [] })));
as($.key, fn(state => state));
map("$.data.items[*]", (item, index, state) => [item.name, index + 1, state.data]);
map($.data, item => item.name);

cursor($.cursor, { defaultValue: "today" });
cursor("2 days ago", { key: "since", format: date => date.toISOString() });
cursor(22);

fn(state => ({ ...state, name: dataValue("name")(state) }));
fn(state => state).then(state => ({ ...state, done: true })).catch((error, state) => ({ ...state, error: error.message }));
each("$.data[*]", fn(state => state).then(state => state));
